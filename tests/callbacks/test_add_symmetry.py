"""A model changes before its optimizer is made, trains, resumes and folds."""

import lightning.pytorch
import pytest
import torch
from torch import nn

from lightning_symmetry import AddSymmetry, Hadamard, LowRank, Schedule, SymmetryMonitor, fold, prune

from .runs import Classifier, Memory


class Decaying(Classifier):
    """Trained with weight decay."""

    optimizer = torch.optim.SGD

    def configure_optimizers(self):
        return self.optimizer(self.parameters(), lr=self.rate, weight_decay=self.decay)

    rate, decay = 0.05, 0.05


class Decoupled(Decaying):
    optimizer = torch.optim.AdamW


class Undecayed(Decaying):
    decay = 0.0


class Fast(Decaying):
    rate = 1.0


def model():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))


def fit(module, callbacks, quiet, **options):
    ckpt_path = options.pop("ckpt_path", None)
    trainer = lightning.pytorch.Trainer(
        **{**quiet, "max_steps": 30, "log_every_n_steps": 10, **options}, callbacks=callbacks
    )
    trainer.fit(module, ckpt_path=ckpt_path)
    return trainer


@pytest.mark.parametrize(
    "config", [Hadamard(), LowRank(), {"model.0.weight": Hadamard(), "*.weight": LowRank()}]
)
def test_the_optimizer_trains_the_factors_and_the_model_folds(config, quiet):
    module = Decaying(model())
    trainer = fit(module, [AddSymmetry(config)], quiet)
    trained = {id(p) for group in trainer.optimizers[0].param_groups for p in group["params"]}
    assert trained == {id(p) for p in module.parameters()}
    assert any("_factors." in name for name, _ in module.named_parameters())
    x = torch.randn(5, 6)
    expected = module.model(x)
    fold(module)
    assert torch.equal(module.model(x), expected)
    assert [name for name, _ in module.named_parameters()] == [
        f"model.{n}" for n, _ in model().named_parameters()
    ]


def test_weight_decay_makes_whole_weights_zero(quiet):
    module, plain = Fast(model()), Fast(model())
    fit(module, [AddSymmetry(Hadamard())], quiet, max_steps=400)
    fit(plain, [], quiet, max_steps=400)
    zeros = [int((each.model[0].weight.abs() < 1e-3).sum()) for each in (fold(prune(module, 1e-3)), plain)]
    assert zeros[0] > 12 > zeros[1]


def test_resuming_goes_on_as_if_nothing_had_happened(quiet, tmp_path):
    whole, second = Decaying(model()), Decaying(model())
    fit(whole, [AddSymmetry(LowRank())], quiet)
    trainer = fit(Decaying(model()), [AddSymmetry(LowRank())], quiet, max_steps=13)
    trainer.save_checkpoint(tmp_path / "middle.ckpt")
    written = torch.load(tmp_path / "middle.ckpt", weights_only=True)["callbacks"]["AddSymmetry"]
    assert written["changed"] == ["model.0.weight", "model.2.weight"]
    fit(second, [AddSymmetry(LowRank())], quiet, ckpt_path=tmp_path / "middle.ckpt")
    pairs = zip(whole.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(one, other) for one, other in pairs)


def test_another_config_is_said(quiet):
    with pytest.warns(UserWarning, match=r"trained by AddSymmetry with LowRank\(.*continues with Hadamard"):
        AddSymmetry(Hadamard()).load_state_dict(AddSymmetry(LowRank()).state_dict())


def test_a_second_fit_of_the_same_model_goes_on(quiet):
    module, callback = Decaying(model()), AddSymmetry(LowRank())
    fit(module, [callback], quiet)
    names = [name for name, _ in module.named_parameters()]
    fit(module, [callback], quiet)
    assert [name for name, _ in module.named_parameters()] == names


def test_decay_that_does_nothing_is_named(quiet):
    with pytest.warns(UserWarning, match=r"favours nothing in model\.0\.weight_factors\."):
        fit(Undecayed(model()), [AddSymmetry(Hadamard())], quiet)


def test_decoupled_decay_is_named(quiet):
    with pytest.warns(UserWarning, match="that of AdamW is decoupled"):
        fit(Decoupled(model()), [AddSymmetry(Hadamard())], quiet)


def test_wrong_configs_stop_before_anything_is_changed(quiet):
    module = Decaying(model())
    with pytest.raises(ValueError, match="pattern"):
        fit(module, [AddSymmetry({"nothing.*": Hadamard()})], quiet)
    assert [name for name, _ in module.named_parameters()] == [
        f"model.{n}" for n, _ in model().named_parameters()
    ]


def test_the_monitor_sees_the_added_symmetry(quiet):
    memory, monitor = Memory(), SymmetryMonitor(every_n_steps=10, strict=True, max_overhead=None)
    fit(Decaying(model()), [AddSymmetry(LowRank()), monitor], quiet, logger=memory)
    added = [s for s in monitor.symmetries if s.group == "general_linear"]
    assert {leg.parameter.split("_factors.")[0] for s in added for leg in s.legs} == {
        "model.0.weight",
        "model.2.weight",
    }
    assert any(key.startswith(f"symmetry/numerical_rank/{added[0].name}") for key in memory.rows[0])


@pytest.mark.parametrize("averaging", ["WeightAveraging", "StochasticWeightAveraging"])
def test_a_copy_for_averages_must_not_come_before_the_change(averaging, quiet):
    options = {"swa_lrs": 0.01, "swa_epoch_start": 1} if averaging.startswith("Stochastic") else {}
    average = getattr(lightning.pytorch.callbacks, averaging)(**options)
    with pytest.raises(ValueError, match=f"AddSymmetry.* before {averaging}"):
        fit(Decaying(model()), [average, AddSymmetry(Hadamard())], quiet)
    module = Decaying(model())
    fit(module, [AddSymmetry(Hadamard()), average], quiet, max_steps=5)
    assert any("_factors." in name for name, _ in module.named_parameters())


def test_parameters_that_hide_their_values_are_refused_before_training(quiet):
    module = Decaying(model())
    module.model[0].weight.ds_id = 0
    with pytest.raises(
        ValueError, match=r"`model\.0\.weight` must have its values.* for AddSymmetry.*DeepSpeed"
    ):
        fit(module, [AddSymmetry({"model.2.weight": Hadamard()})], quiet)


@pytest.mark.parametrize("monitor_first", [True, False])
def test_the_monitor_follows_a_model_that_changes_in_mid_run(monitor_first, quiet):
    memory = Memory()
    monitor = SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)
    adding = AddSymmetry({"model.0.weight": LowRank()}, schedule=Schedule(on=10, off=10))
    callbacks = [monitor, adding] if monitor_first else [adding, monitor]
    fit(Decaying(model()), callbacks, quiet, logger=memory, log_every_n_steps=1)
    name = "model.0.weight_factors"
    watched = [step for step, row in memory.rows.items() if any(name in key for key in row)]
    assert watched and min(watched) >= 10
    assert not any(name in symmetry.name for symmetry in monitor.symmetries)
    assert monitor.last_step >= 28
