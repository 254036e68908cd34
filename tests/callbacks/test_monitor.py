import json
import random
import sys

import lightning.pytorch
import numpy as np
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.cli import LightningCLI
from pytorch_lightning.cli import LightningCLI as StandaloneCLI
from torch import nn

from lightning_symmetry import SymmetryMonitor, find_symmetries
from lightning_symmetry.metrics import OrderParameters

from .runs import Classifier, Memory, fit, module_class, monitored

QUANTITIES = {
    "breaking_distance",
    "broken_share",
    "dead_units",
    "duplicate_units",
    "distinct_units",
    "unbroken",
    "effective_rank",
    "participation_ratio",
    "stable_rank",
    "numerical_rank",
    "noether_imbalance",
    "effective_parameters",
    "charge_drift",
    "charge_drift_predicted",
    "charge_drift_unexplained",
    "growth_rate",
    "orbit_leak",
    "collapse_risk",
}
OF_A_SERIES = tuple(
    f"symmetry/{quantity}" for quantity in ("growth_rate", "orbit_leak", "collapse_risk", "charge_drift")
)


def of_weights(row):
    """What depends on nothing but the weights."""
    return {k: v for k, v in row.items() if k.startswith("symmetry/") and not k.startswith(OF_A_SERIES)}


@pytest.mark.parametrize(
    "package", [lightning.pytorch, pytorch_lightning], ids=["lightning", "pytorch_lightning"]
)
def test_weights_are_the_same_bit_for_bit_with_and_without(package, quiet):
    watched, plain = module_class(package)(), module_class(package)()
    trainer = fit(watched, [SymmetryMonitor(every_n_steps=3, strict=True, max_overhead=None)], quiet, package)
    after = torch.get_rng_state()
    fit(plain, [], quiet, package)
    assert monitored(trainer)
    assert torch.equal(after, torch.get_rng_state())
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name


def test_finds_what_is_trained_without_configuration(quiet):
    monitor = SymmetryMonitor(strict=True)
    module = Classifier()
    fit(module, [monitor], quiet, max_steps=1)
    found = find_symmetries(
        module.model,
        torch.randn(16, 6),
        loss=lambda out: nn.functional.cross_entropy(out, torch.zeros(16, dtype=torch.long)),
    )
    stripped = [(s.name.removeprefix("model."), s.group, s.size, s.dimension) for s in monitor.symmetries]
    assert stripped == [(s.name, s.group, s.size, s.dimension) for s in found]
    assert "translation" in {s.group for s in monitor.symmetries}  # of the logits: only the loss has it


def test_logs_every_quantity_of_the_model_and_of_each_symmetry(quiet):
    monitor, logger = SymmetryMonitor(every_n_steps=10, strict=True, max_overhead=None), Memory()
    module = Classifier()
    trainer = fit(module, [monitor], quiet, logger=logger)
    expected = OrderParameters(monitor.symmetries)(dict(module.named_parameters()))
    logged = monitored(trainer)
    assert {key.split("/")[1] for key in logged} == QUANTITIES
    assert {key for key in logged if key.count("/") == 1} == {f"symmetry/{q}" for q in QUANTITIES}
    # step 40 is the last of the run and one that is looked at
    assert of_weights(logged) == {key: pytest.approx(float(value)) for key, value in expected.items()}
    values = [row["symmetry/effective_rank"] for _, row in sorted(logger.rows.items())]
    assert [i for i in range(1, 40) if values[i] != values[i - 1]] == [9, 19, 29, 39]


def test_loggers_get_the_values_at_initialisation_however_seldom_they_are_asked(quiet):
    logger, monitor, module = (
        Memory(),
        SymmetryMonitor(every_n_steps=10, strict=True, max_overhead=None),
        Classifier(),
    )
    initial = dict(Classifier().named_parameters())
    fit(module, [monitor], quiet, logger=logger, log_every_n_steps=20)
    expected = OrderParameters(monitor.symmetries)(initial)
    assert sorted(logger.rows) == [0, 19, 39]
    assert of_weights(logger.rows[0]) == {key: pytest.approx(float(value)) for key, value in expected.items()}


def test_leaves_no_trace_in_the_module(quiet):
    class Frozen(lightning.pytorch.Callback):
        def on_train_start(self, trainer, pl_module) -> None:
            pl_module.model[3].eval()

    module, plain = Classifier(), Classifier()
    state = (random.getstate(), np.random.get_state()[1].tolist())
    fit(module, [Frozen(), SymmetryMonitor(strict=True)], quiet, max_steps=1)
    fit(plain, [Frozen()], quiet, max_steps=1)
    assert [m.training for m in module.model] == [True, True, True, False, True, True, True]
    attributes = [{name: set(m.__dict__) for name, m in each.named_modules()} for each in (module, plain)]
    assert attributes[0] == attributes[1]
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in module.modules())
    assert all(type(v) in (nn.Parameter, torch.Tensor) for v in [*module.parameters(), *module.buffers()])
    assert module.model[1].num_batches_tracked == 1
    assert state == (random.getstate(), np.random.get_state()[1].tolist())


def test_early_stopping_and_checkpoints_can_monitor_the_keys(quiet, tmp_path):
    stop = EarlyStopping("symmetry/effective_rank", mode="max", patience=0, check_on_train_epoch_end=True)
    best = ModelCheckpoint(
        tmp_path, monitor="symmetry/dead_units", mode="min", every_n_epochs=1, save_on_train_epoch_end=True
    )
    options = {**quiet, "enable_checkpointing": True}
    trainer = fit(
        Classifier(),
        [SymmetryMonitor(every_n_steps=5, strict=True, max_overhead=None), stop, best],
        options,
        max_epochs=4,
        max_steps=-1,
    )
    assert stop.best_score == pytest.approx(stop.best_score.item())
    assert stop.stopped_epoch or trainer.current_epoch == 4
    assert best.best_model_score is not None


def test_resuming_in_the_middle_of_an_epoch_continues_the_same_log(quiet, tmp_path):
    whole, first, second = Memory(), Memory(), Memory()
    uninterrupted = Classifier()
    fit(
        uninterrupted, [SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)], quiet, logger=whole
    )

    module = Classifier()
    trainer = fit(
        module,
        [SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)],
        quiet,
        logger=first,
        max_steps=18,
    )
    state = torch.get_rng_state()
    trainer.save_checkpoint(tmp_path / "middle.ckpt")
    resumed = Classifier()
    monitor = SymmetryMonitor(every_n_steps=4, strict=True, max_overhead=None)
    monitor_found = torch.load(tmp_path / "middle.ckpt", weights_only=True)["callbacks"]
    assert monitor.state_key in monitor_found
    torch.manual_seed(3)
    resume = lightning.pytorch.Trainer(
        **{**quiet, "logger": second},
        max_steps=40,
        callbacks=[monitor, RestoreRandomness(state)],
        log_every_n_steps=1,
    )
    resume.fit(resumed, ckpt_path=tmp_path / "middle.ckpt")

    # until it is looked at again, a resumed run has nothing to repeat; what both hold must agree
    joined = first.rows | second.rows
    assert joined.keys() == whole.rows.keys()
    looked = [i for i in whole.rows if (i + 1) % 4 == 0]
    assert [joined[i] for i in looked] == [whole.rows[i] for i in looked]
    assert all(joined[i]["loss"] == whole.rows[i]["loss"] for i in whole.rows)


class RestoreRandomness(lightning.pytorch.Callback):
    """Dropout needs the generator where the first run left it; Lightning does not store it."""

    def __init__(self, state: torch.Tensor) -> None:
        self.state = state

    def on_train_start(self, trainer, pl_module) -> None:
        torch.set_rng_state(self.state)


def test_gradient_accumulation_counts_optimizer_steps(quiet):
    logger = Memory()
    fit(
        Classifier(),
        [SymmetryMonitor(every_n_steps=5, strict=True, max_overhead=None)],
        quiet,
        logger=logger,
        max_steps=10,
        accumulate_grad_batches=4,
    )
    values = [row["symmetry/effective_rank"] for _, row in sorted(logger.rows.items())]
    assert len(set(values)) == 3  # at initialisation, after 5 and after 10 steps


def test_manual_optimization_is_traced_without_moving_an_optimizer(quiet):
    class Manual(Classifier):
        def __init__(self) -> None:
            super().__init__()
            self.automatic_optimization = False

        def training_step(self, batch, batch_idx):
            x, y = batch
            optimizer = self.optimizers()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(self.model(x), y)
            self.manual_backward(loss)
            optimizer.step()

    watched, plain = Manual(), Manual()
    monitor = SymmetryMonitor(every_n_steps=7, strict=True, max_overhead=None)
    trainer = fit(watched, [monitor], quiet)
    fit(plain, [], quiet)
    assert {s.group for s in monitor.symmetries} >= {"permutation", "positive_scaling", "translation"}
    assert monitored(trainer)
    for name, value in plain.state_dict().items():
        assert torch.equal(value, watched.state_dict()[name]), name


@pytest.mark.parametrize(
    ("cli", "package"), [(LightningCLI, lightning.pytorch), (StandaloneCLI, pytorch_lightning)]
)
def test_is_configured_from_yaml(cli, package, quiet, tmp_path, monkeypatch):
    callback = {
        "class_path": "lightning_symmetry.SymmetryMonitor",
        "init_args": {"every_n_steps": 7, "strict": True},
    }
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"trainer": {"callbacks": [callback], "max_steps": 1, **quiet}}))
    monkeypatch.setattr(sys, "argv", ["program", "fit", "--config", str(config)])
    run = cli(module_class(package), save_config_callback=None, seed_everything_default=False)
    (monitor,) = [c for c in run.trainer.callbacks if isinstance(c, SymmetryMonitor)]
    assert monitor.every_n_steps == 7
    assert monitored(run.trainer)
