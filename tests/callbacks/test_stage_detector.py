import json
import sys

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.cli import LightningCLI
from pytorch_lightning.cli import LightningCLI as StandaloneCLI
from torch import nn

from lightning_symmetry import StageDetector, SymmetryMonitor

from .runs import Classifier, Memory, fit, module_class, monitored

PACKAGES = pytest.mark.parametrize(
    "package", [lightning.pytorch, pytorch_lightning], ids=["lightning", "pytorch_lightning"]
)
UNITS = "symmetry/distinct_units/model.hidden.permutation"


def monitor(every_n_steps: int) -> SymmetryMonitor:
    """A monitor that looks when it is told to, however slow the machine."""
    return SymmetryMonitor(every_n_steps=every_n_steps, max_overhead=None, strict=True)


def stepping(losses, package=lightning.pytorch, **attributes):
    """A module whose step returns what a function makes of its number."""

    class Stepping(module_class(package)):
        def training_step(self, batch, batch_idx):
            loss = super().training_step(batch, batch_idx)
            if not self.automatic_optimization:
                optimizer = self.optimizers()
                optimizer.zero_grad()
                self.manual_backward(loss)
                optimizer.step()
            number = self.trainer.fit_loop.total_batch_idx
            return losses(number, loss)

    module = Stepping()
    for name, value in attributes.items():
        setattr(module, name, value)
    return module


def falls_at(step, high=3.0, low=1.0):
    """A loss that falls once, with the gradient of the real one."""
    return lambda number, loss: 0 * loss + (high if number < step else low)


class Twins(Classifier):
    """Hidden units that begin as good as equal, and differ when they have learned something each."""

    def __init__(self) -> None:
        super().__init__(nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1)))
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for weight in (self.model[0].weight, self.model[2].weight):
                weight.fill_(0.3).add_(1e-3 * torch.randn(weight.shape, generator=generator))
            self.model[0].bias.zero_()
            self.model[2].bias.zero_()

    def training_step(self, batch, batch_idx):
        x = batch[0][:, :4]
        target = (torch.tanh(2 * x) * torch.tensor([3.0, 2.0, 1.0, 0.0])).sum(1, keepdim=True)
        return (self.model(x) - target).square().mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05)


def same_weights(one, other) -> bool:
    return all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())


@PACKAGES
def test_weights_are_the_same_bit_for_bit_with_and_without(package, quiet):
    watched, plain = module_class(package)(), module_class(package)()
    callbacks = [
        StageDetector(every_n_steps=3, strict=True),
        monitor(3),
    ]
    trainer = fit(watched, callbacks, quiet, package)
    after = torch.get_rng_state()
    fit(plain, [], quiet, package)
    assert trainer.callback_metrics["symmetry/stage"] == 0
    assert torch.equal(after, torch.get_rng_state())
    assert same_weights(plain, watched)


@PACKAGES
def test_a_fall_of_the_loss_is_a_new_stage(package, quiet):
    detector, logger = StageDetector(every_n_steps=2, strict=True), Memory()
    fit(stepping(falls_at(40), package), [detector], quiet, package, max_steps=80, logger=logger)
    (fall,) = detector.transitions
    assert (fall.step, fall.symmetry, fall.quantity, fall.kind) == (42, "loss", "loss", "fell")
    assert (fall.before, fall.after) == (3.0, 1.0)
    assert detector.stage == 1
    stages = [row["symmetry/stage"] for _, row in sorted(logger.rows.items()) if "symmetry/stage" in row]
    assert set(stages) == {0.0, 1.0} and stages == sorted(stages)


def test_units_that_part_are_named_whatever_the_order_of_callbacks(quiet):
    found = []
    for order in (1, -1):
        detector = StageDetector(every_n_steps=5, strict=True)
        callbacks = [monitor(5), detector][::order]
        trainer = fit(Twins(), callbacks, quiet, max_steps=215)
        found.append([t for t in detector.transitions if t.quantity == "distinct_units"])
        assert detector.stage >= 1 and monitored(trainer)["symmetry/stage"] == detector.stage
    assert found[0] == found[1]
    first = found[0][0]
    assert (first.symmetry, first.kind, first.key) == ("model.hidden.permutation", "broken", UNITS)
    assert first.before == pytest.approx(1.0) and first.after > 2
    assert 50 <= first.step <= 200


@pytest.mark.parametrize("own_order", [1, -1])
def test_a_resumed_run_finds_what_an_uninterrupted_one_finds(own_order, quiet, tmp_path):
    def callbacks():
        return [monitor(5), StageDetector(every_n_steps=4, strict=True)][::own_order]

    def detector(trainer):
        return next(c for c in trainer.callbacks if isinstance(c, StageDetector))

    whole = fit(Twins(), callbacks(), quiet, max_steps=130)
    # after a look, and in the middle between two readings of the loss
    first = fit(Twins(), callbacks(), quiet, max_steps=70)
    first.save_checkpoint(tmp_path / "middle.ckpt")
    saved = torch.load(tmp_path / "middle.ckpt", weights_only=True)["callbacks"][detector(first).state_key]
    assert saved["last_look"] == 70 and saved["last_reading"] == 68 and saved["losses"]["loss"][1] == 2
    second = fit(Twins(), callbacks(), quiet, max_steps=130, ckpt_path=tmp_path / "middle.ckpt")
    assert detector(whole).transitions
    assert detector(second).transitions == detector(whole).transitions
    assert detector(second).state_dict() == detector(whole).state_dict()


def test_manual_optimization_and_several_losses(quiet):
    def losses(number, loss):
        step = falls_at(40)(number, loss).detach()
        return {"generator": step, "critic": 5 - step, "note": "text", "image": torch.zeros(3)}

    watched = stepping(losses, automatic_optimization=False)
    plain = stepping(losses, automatic_optimization=False)
    detector = StageDetector(every_n_steps=2, strict=True)
    fit(watched, [detector], quiet, max_steps=80)
    fit(plain, [], quiet, max_steps=80)
    assert {(t.quantity, t.kind) for t in detector.transitions} == {("generator", "fell"), ("critic", "rose")}
    assert detector.stage == 1
    assert same_weights(plain, watched)


def test_a_step_by_hand_that_returns_nothing_leaves_the_order_parameters(quiet):
    module = stepping(lambda number, loss: None, automatic_optimization=False)
    detector = StageDetector(every_n_steps=2, strict=True)
    fit(module, [monitor(2), detector], quiet)
    keys = detector.state_dict()["tracker"]["detectors"]
    assert keys and all(key.startswith("symmetry/") for key in keys)


def test_only_the_losses_asked_for_are_followed(quiet):
    module = stepping(lambda number, loss: {"loss": loss, "other": loss.detach(), "third": 1.0})
    detector = StageDetector(every_n_steps=2, losses=["other", "third"], strict=True)
    fit(module, [detector], quiet, max_steps=4)
    assert list(detector.state_dict()["tracker"]["detectors"]) == ["other", "third"]


def test_losses_that_are_not_finite_do_not_count(quiet):
    def sometimes(number, loss):
        return falls_at(40)(number, loss) * (float("nan") if number in (5, 20, 21, 41) else 1)

    module = stepping(sometimes, automatic_optimization=False)
    detector = StageDetector(every_n_steps=2, strict=True)
    fit(module, [detector], quiet, max_steps=80)
    assert [(t.before, t.after) for t in detector.transitions] == [(3.0, 1.0)]


def test_accumulated_gradients_do_not_change_the_loss(quiet):
    detector = StageDetector(every_n_steps=1, strict=True)
    module = stepping(falls_at(80))
    fit(module, [detector], quiet, max_steps=40, accumulate_grad_batches=4)
    (fall,) = detector.transitions
    assert (fall.step, fall.before, fall.after) == (21, 3.0, 1.0)


def test_nothing_waits_for_the_device_between_readings(quiet, monkeypatch):
    detector = StageDetector(every_n_steps=10, strict=True)
    reads = []

    class Counting(lightning.pytorch.Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
            with monkeypatch.context() as patch:
                for name in ("item", "tolist", "__float__", "__bool__", "cpu", "numpy"):
                    whole = getattr(torch.Tensor, name)
                    patch.setattr(
                        torch.Tensor, name, lambda *a, f=whole, **k: (reads.append(0), f(*a, **k))[1]
                    )
                detector.on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
                detector.on_train_batch_start(trainer, pl_module, batch, batch_idx)

        def on_train_start(self, trainer, pl_module):
            detector.on_train_start(trainer, pl_module)

    monkeypatch.setattr(detector, "_has_news", False)
    fit(Classifier(), [Counting()], quiet, max_steps=40)
    # one transfer a reading
    assert len(reads) == 4


def test_saves_a_checkpoint_at_each_new_stage(quiet, tmp_path):
    def stairs(number, loss):
        return 0 * loss + (3.0 if number < 30 else 2.0 if number < 60 else 0.5)

    folder = tmp_path / "stages"
    detector = StageDetector(every_n_steps=1, save_to=folder, strict=True)
    fit(stepping(stairs), [detector], quiet, max_steps=90)
    saved = sorted(path.name for path in folder.iterdir())
    assert saved == ["stage=1-step=38.ckpt", "stage=2-step=68.ckpt"]
    fresh = StageDetector(every_n_steps=1, save_to=folder, strict=True)
    fit(stepping(stairs), [fresh], quiet, max_steps=90, ckpt_path=folder / saved[0])
    assert fresh.transitions == detector.transitions
    assert sorted(path.name for path in folder.iterdir()) == saved


def test_stops_on_collapse(quiet):
    class Collapsing(Classifier):
        def on_train_batch_start(self, batch, batch_idx):
            if self.global_step >= 30:
                with torch.no_grad():
                    self.model[4].weight[1:] = self.model[4].weight[0]
                    self.model[4].bias[1:] = self.model[4].bias[0]
                    self.model[6].weight[:, 1:] = self.model[6].weight[:, :1]

    for fraction, last in ((0.5, 38), (None, 60)):
        detector = StageDetector(every_n_steps=2, stop_on_collapse=fraction, strict=True)
        module = Collapsing()
        trainer = fit(
            module,
            [monitor(1), detector],
            quiet,
            max_steps=60,
        )
        collapse = [t for t in detector.transitions if t.quantity == "distinct_units"]
        assert [t.kind for t in collapse] == ["restored"]
        assert trainer.global_step == pytest.approx(last, abs=3)


def test_a_new_run_starts_at_stage_zero(quiet):
    detector = StageDetector(every_n_steps=1, strict=True)
    fit(stepping(falls_at(20)), [detector], quiet)
    assert detector.stage == 1
    fit(stepping(falls_at(99)), [detector], quiet)
    assert detector.stage == 0 and detector.transitions == ()


def test_a_loss_that_is_not_there_is_named_and_switches_the_detector_off(quiet):
    watched, plain = Classifier(), Classifier()
    match = r"StageDetector switches itself off.*one of \['loss'\], found 'generator'"
    with pytest.warns(UserWarning, match=match) as warnings:
        fit(watched, [StageDetector(losses=["generator"])], quiet)
    assert sum("StageDetector" in str(w.message) for w in warnings) == 1
    fit(plain, [], quiet)
    assert same_weights(plain, watched)
    with pytest.raises(ValueError, match="found 'generator'"):
        fit(Classifier(), [StageDetector(losses=["generator"], strict=True)], quiet)


@pytest.mark.parametrize("value", [0, -3, 2.5, True])
def test_interval_must_be_a_positive_integer(value):
    with pytest.raises(
        ValueError, match=f"`every_n_steps` must be an integer of at least 1, found {value!r}"
    ):
        StageDetector(every_n_steps=value)


@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1])
def test_collapse_must_be_a_fraction(value):
    with pytest.raises(ValueError, match=f"`stop_on_collapse` must be between 0 and 1, found {value!r}"):
        StageDetector(stop_on_collapse=value)


@pytest.mark.parametrize(
    ("cli", "package"), [(LightningCLI, lightning.pytorch), (StandaloneCLI, pytorch_lightning)]
)
def test_is_configured_from_yaml(cli, package, quiet, tmp_path, monkeypatch):
    callback = {
        "class_path": "lightning_symmetry.StageDetector",
        "init_args": {"every_n_steps": 7, "losses": ["loss"], "stop_on_collapse": 0.5, "strict": True},
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"trainer": {"callbacks": [callback], "max_steps": 1, **quiet}}))
    monkeypatch.setattr(sys, "argv", ["program", "fit", "--config", str(config)])
    run = cli(module_class(package), save_config_callback=None, seed_everything_default=False)
    (detector,) = [c for c in run.trainer.callbacks if isinstance(c, StageDetector)]
    assert (detector.every_n_steps, detector.losses) == (7, ("loss",))
