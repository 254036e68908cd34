import json
import sys
import warnings

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.cli import LightningCLI
from pytorch_lightning.cli import LightningCLI as StandaloneCLI
from torch import nn
from torch.func import functional_call

from lightning_symmetry.callbacks import RemoveSymmetry
from lightning_symmetry.surgery import Syre, syre_offset

PACKAGES = [lightning.pytorch, pytorch_lightning]
CONFIG = Syre(std=0.5)
STEPS = 40


def data() -> list[tuple[torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2 * STEPS, 8, 6, generator=generator, dtype=torch.float64)
    return [(batch, torch.stack([batch.sum(1).sin(), batch[:, 0] * batch[:, 1]], 1)) for batch in x]


class Batches:
    """Continues in the middle of an epoch when a run is resumed."""

    def __init__(self) -> None:
        self.position = 0

    def __len__(self) -> int:
        return len(data())

    def __iter__(self):
        for batch in data()[self.position :]:
            self.position += 1
            yield batch
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.position = state["position"]


def network() -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 6), nn.Tanh(), nn.Linear(6, 2)).double()


def module_class(package=lightning.pytorch):
    class Module(package.LightningModule):
        fails_at = None

        def __init__(self, weight_decay: float = 0.05) -> None:
            super().__init__()
            self.weight_decay = weight_decay
            self.net = network()

        def training_step(self, batch, batch_idx):
            if batch_idx == self.fails_at:
                raise ArithmeticError("batch")
            x, y = batch
            return (self.net(x) - y).square().mean()

        def configure_optimizers(self):
            optimizer = torch.optim.AdamW(self.parameters(), lr=0.01, weight_decay=self.weight_decay)
            return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, 30, 0.5)]

        def train_dataloader(self):
            return Batches()

    return Module


Module = module_class()


def fit(quiet, model, callback=None, package=lightning.pytorch, ckpt_path=None, **options):
    callbacks = [] if callback is None else [callback]
    trainer = package.Trainer(callbacks=callbacks, **{**quiet, "max_steps": STEPS, **options})
    trainer.fit(model, ckpt_path=ckpt_path)
    return trainer


def hooks(trainer) -> int:
    return sum(
        len(optimizer._optimizer_step_pre_hooks) + len(optimizer._optimizer_step_post_hooks)
        for optimizer in trainer.optimizers
    )


def assert_same_weights(model, other, **tolerance) -> None:
    other = dict(other.state_dict())
    for name, value in model.state_dict().items():
        torch.testing.assert_close(value, other[name], rtol=0, **{"atol": 0, **tolerance})


def explicit(accumulate: int, clip: float) -> dict[str, torch.Tensor]:
    """Train theta by hand for the loss at theta + theta_0 and return theta + theta_0."""
    module = Module()
    net = module.net
    offsets = {name: syre_offset(module, f"net.{name}", CONFIG) for name, _ in net.named_parameters()}
    theta = {name: (p.detach() - offsets[name]).requires_grad_() for name, p in net.named_parameters()}
    optimizer = torch.optim.AdamW(theta.values(), lr=0.01, weight_decay=0.05)
    batches = iter(data())
    for _ in range(STEPS):
        optimizer.zero_grad()
        for _ in range(accumulate):
            x, y = next(batches)
            out = functional_call(net, {name: theta[name] + offsets[name] for name in theta}, (x,))
            ((out - y).square().mean() / accumulate).backward()
        nn.utils.clip_grad_norm_(theta.values(), clip)
        optimizer.step()
    return {f"net.{name}": (theta[name] + offsets[name]).detach() for name in theta}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_equals_explicit_offset_with_clipping_and_accumulation(package, quiet, monkeypatch):
    model = module_class(package)()
    monkeypatch.setattr(model, "configure_optimizers", lambda: Module.configure_optimizers(model)[0])
    trainer = fit(
        quiet, model, RemoveSymmetry(CONFIG), package, gradient_clip_val=0.1, accumulate_grad_batches=2
    )
    assert trainer.global_step == STEPS
    for name, value in explicit(accumulate=2, clip=0.1).items():
        torch.testing.assert_close(model.state_dict()[name], value, rtol=0, atol=1e-12)
    assert hooks(trainer) == 0


def test_has_an_effect_that_grows_from_the_same_weights(quiet):
    with_it, without = Module(), Module()
    fit(quiet, with_it, RemoveSymmetry(CONFIG))
    fit(quiet, without)
    assert (with_it.net[0].weight - without.net[0].weight).abs().max() > 1e-3


def test_filter_chooses_parameters(quiet):
    model = Module()
    offset = RemoveSymmetry(CONFIG, filter=lambda name, parameter: name == "net.2.weight")
    everything_else_is_plain = Module()
    fit(quiet, model, offset, max_steps=1)
    fit(quiet, everything_else_is_plain, max_steps=1)
    changed = [
        name
        for name, value in model.state_dict().items()
        if not torch.equal(value, everything_else_is_plain.state_dict()[name])
    ]
    assert changed == ["net.2.weight"]


def test_two_fits_in_a_row(quiet):
    model, callback = Module(), RemoveSymmetry(CONFIG)
    for _ in range(2):
        assert hooks(fit(quiet, model, callback, max_steps=2)) == 0


def test_global_random_state_is_untouched(quiet):
    def state_after(callback):
        torch.manual_seed(3)
        fit(quiet, Module(), callback, max_steps=3)
        return torch.random.get_rng_state()

    assert torch.equal(state_after(RemoveSymmetry(CONFIG)), state_after(None))


@pytest.fixture
def checkpoint(quiet, tmp_path) -> str:
    path = str(tmp_path / "middle.ckpt")
    fit(quiet, Module(), RemoveSymmetry(CONFIG), max_steps=STEPS // 2).save_checkpoint(path)
    return path


def test_resume_is_exact(quiet, checkpoint):
    whole, resumed = Module(), Module()
    fit(quiet, whole, RemoveSymmetry(CONFIG))
    fit(quiet, resumed, RemoveSymmetry(CONFIG), ckpt_path=checkpoint)
    assert_same_weights(resumed, whole)


def test_checkpoint_is_that_of_the_plain_model(quiet, checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    (state,) = content["callbacks"].items()
    assert state[0] == "RemoveSymmetry{'std': 0.5, 'units': 'init', 'seed': 0, 'spread': 0.0}"
    assert state[1]["config"] == {"std": 0.5, "units": "init", "seed": 0, "spread": 0.0}
    assert state[1]["schedule"]["history"] == [[0, "on", "on=0"]]
    Module().load_state_dict(content["state_dict"], strict=True)
    with pytest.warns(UserWarning, match="callbacks used to create the checkpoint"):
        trainer = fit(quiet, Module(), ckpt_path=checkpoint)
    assert trainer.global_step == STEPS


def test_resume_with_another_config_warns(quiet, checkpoint):
    with (
        pytest.warns(UserWarning, match="callbacks used to create the checkpoint"),
        pytest.warns(
            UserWarning, match="trained by RemoveSymmetry with .*'seed': 0.* continues with .*'seed': 1"
        ),
    ):
        fit(quiet, Module(), RemoveSymmetry(Syre(std=0.5, seed=1)), ckpt_path=checkpoint)


def test_checkpoint_of_a_run_without_it_is_taken_up_silently(quiet, tmp_path):
    path = str(tmp_path / "plain.ckpt")
    fit(quiet, Module(), max_steps=1).save_checkpoint(path)
    assert fit(quiet, Module(), RemoveSymmetry(CONFIG), ckpt_path=path).global_step == STEPS


def test_error_in_the_training_step_leaves_the_weights_of_the_last_step(quiet):
    model, reference = Module(), Module()
    model.fails_at = 3
    callback = RemoveSymmetry(CONFIG)
    trainer = lightning.pytorch.Trainer(callbacks=[callback], max_steps=STEPS, **quiet)
    with pytest.raises(ArithmeticError, match="batch"):
        trainer.fit(model)
    fit(quiet, reference, RemoveSymmetry(CONFIG), max_steps=3)
    assert_same_weights(model, reference)
    assert hooks(trainer) == 0


def test_error_in_the_update_leaves_the_weights_of_the_last_step(quiet):
    class Broken(torch.optim.Optimizer):
        def step(self, closure):
            with torch.enable_grad():
                closure()
            raise ArithmeticError("update")

    model = Module()
    model.configure_optimizers = lambda: Broken(model.parameters(), {"weight_decay": 0.1})
    trainer = lightning.pytorch.Trainer(callbacks=[RemoveSymmetry(CONFIG)], max_steps=STEPS, **quiet)
    with pytest.raises(ArithmeticError, match="update"):
        trainer.fit(model)
    assert_same_weights(model, Module(), atol=1e-15)
    assert hooks(trainer) == 0


def refused(quiet, match, model, callback, **options):
    trainer = lightning.pytorch.Trainer(callbacks=[callback], max_steps=1, **{**quiet, **options})
    with pytest.raises(ValueError, match=match):
        trainer.fit(model)
    assert hooks(trainer) == 0


def test_low_precision_weights_are_refused_where_it_is_not_known_what_they_are_used_for(quiet):
    match = "`net.0.weight` must be float32 or float64 .* ASGD, .* found torch.bfloat16"
    model = Module()
    model.configure_optimizers = lambda: torch.optim.ASGD(model.parameters(), weight_decay=0.1)
    refused(quiet, match, model, RemoveSymmetry(CONFIG), precision="bf16-true")


def test_optimizers_without_weight_decay_are_refused(quiet):
    model = Module()
    model.configure_optimizers = lambda: torch.optim.LBFGS(model.parameters())
    refused(
        quiet, "at least one optimizer must have `weight_decay` .* found LBFGS", model, RemoveSymmetry(CONFIG)
    )


def test_a_filter_without_match_is_refused(quiet):
    callback = RemoveSymmetry(CONFIG, filter=lambda name, parameter: name == "weight")
    refused(quiet, "`filter` must keep at least one .* none among the 0 parameters", Module(), callback)


def test_config_is_checked():
    with pytest.raises(TypeError, match=r"`config` must be a Syre, .*, found 0\.1"):
        RemoveSymmetry(0.1)


def test_an_optimizer_refused_after_another_was_attached_detaches_both(quiet):
    model = Module()
    model.automatic_optimization = False
    model.half_precision = nn.Linear(2, 2, dtype=torch.float16)
    model.configure_optimizers = lambda: [
        torch.optim.ASGD(part.parameters(), weight_decay=0.1) for part in (model.net, model.half_precision)
    ]
    match = "`half_precision.weight` must be float32 or float64 .* found torch.float16"
    refused(quiet, match, model, RemoveSymmetry(CONFIG))


def test_parameters_without_decay_are_named_once(quiet):
    with pytest.warns(UserWarning) as caught:
        fit(quiet, Module(weight_decay=0.0), RemoveSymmetry(CONFIG), max_steps=3)
    (message,) = [str(w.message) for w in caught if "RemoveSymmetry" in str(w.message)]
    assert "leaves net.0.weight, net.0.bias, net.2.weight, net.2.bias as they are" in message
    assert "weight_decay=0" in message


def test_many_parameters_without_decay_are_counted(quiet):
    model = Module(weight_decay=0.0)
    model.more = nn.Linear(2, 2)
    model.most = nn.Linear(2, 2)
    with pytest.warns(UserWarning, match="net.2.bias, more.weight and 3 more as they are"):
        fit(quiet, model, RemoveSymmetry(CONFIG), max_steps=1)


def test_one_optimizer_of_two_without_weight_decay_is_named(quiet):
    class Two(Module):
        def __init__(self):
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            for optimizer in self.optimizers():
                optimizer.zero_grad()
                self.manual_backward(super().training_step(batch, batch_idx))
                optimizer.step()

        def configure_optimizers(self):
            first = torch.optim.SGD(self.net[0].parameters(), lr=1.0, weight_decay=1.0)
            return [first, torch.optim.Rprop(self.net[2].parameters())]

    model, plain = Two(), Two()
    with pytest.warns(UserWarning, match="leaves the parameters of Rprop as they are"):
        trainer = fit(quiet, model, RemoveSymmetry(CONFIG), max_steps=2)
    fit(quiet, plain, max_steps=2)
    # With unit rate and decay, one step replaces 0 by the offset in the place that the weights decay to.
    offset = syre_offset(model, "net.0.weight", CONFIG)
    torch.testing.assert_close(model.net[0].weight - plain.net[0].weight, offset, rtol=0, atol=1e-15)
    assert hooks(trainer) == 0


@pytest.mark.parametrize(
    ("package", "cli_class"),
    [(PACKAGES[0], LightningCLI), (PACKAGES[1], StandaloneCLI)],
    ids=["lightning", "standalone"],
)
def test_is_configured_from_yaml(package, cli_class, quiet, tmp_path, monkeypatch):
    callback = {
        "class_path": "lightning_symmetry.callbacks.RemoveSymmetry",
        "init_args": {"config": {"std": 0.25, "units": "absolute", "seed": 7}},
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"trainer": {"callbacks": [callback], "max_steps": 2, **quiet}}))
    monkeypatch.setattr(sys, "argv", ["program", "fit", "--config", str(config)])
    cli = cli_class(module_class(package), save_config_callback=None, seed_everything_default=False)
    (found,) = [callback for callback in cli.trainer.callbacks if isinstance(callback, RemoveSymmetry)]
    assert found.config == Syre(std=0.25, units="absolute", seed=7)
    assert cli.trainer.global_step == 2


def test_nothing_is_warned_about_in_an_ordinary_run(quiet):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        fit(quiet, Module(), RemoveSymmetry(CONFIG), max_steps=2)
    assert not [w for w in caught if "RemoveSymmetry" in str(w.message)]
