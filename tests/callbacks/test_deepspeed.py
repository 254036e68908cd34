"""DeepSpeed itself in two processes, where it is installed: what is seen, and what is refused."""

import warnings
from types import SimpleNamespace

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.strategies import DeepSpeedStrategy
from lightning.pytorch.strategies.ddp import DDPStrategy
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from lightning_symmetry import RemoveSymmetry, RepresentationMonitor, SymmetryMonitor, Syre
from lightning_symmetry.metrics import OrderParameters

from ..processes import free_ports, in_two_processes, launched
from .sharded import QUIET

pytest.importorskip("deepspeed")


class OnCPU(DeepSpeedStrategy):
    """DeepSpeed where Lightning would want a GPU: that is all that is left out of its strategy."""

    root_device = torch.device("cpu", 0)

    def setup_environment(self) -> None:
        super(DDPStrategy, self).setup_environment()
        self._init_deepspeed_distributed()


class Classifier(lightning.pytorch.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 3))

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1, weight_decay=0.1)


def train(stage, callbacks) -> SimpleNamespace:
    """Train with callbacks, the first of which may know symmetries."""
    generator = torch.Generator().manual_seed(1)
    data = TensorDataset(torch.randn(96, 6, generator=generator), torch.arange(96) % 3)
    module, error = Classifier(), None
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        strategy = OnCPU(stage=stage, process_group_backend="gloo", logging_level=40)
        trainer = lightning.pytorch.Trainer(
            **QUIET, devices=2, strategy=strategy, max_steps=6, callbacks=callbacks
        )
        try:
            trainer.fit(module, DataLoader(data, batch_size=8))
        except ValueError as raised:
            error = str(raised)
    monitor, weights = callbacks[0], dict(module.named_parameters())
    found = {} if stage == 3 or error else OrderParameters(monitor.symmetries)(weights)
    return SimpleNamespace(
        logged={key: float(value) for key, value in trainer.callback_metrics.items()},
        expected={key: float(value) for key, value in found.items()},
        told=[str(each.message) for each in seen if "switches itself off" in str(each.message)],
        steps=trainer.global_step,
        error=error,
    )


def work(rank, port) -> dict[str, SimpleNamespace]:
    """Be one of two processes."""
    # DeepSpeed remembers the first group of processes for good
    launched(rank, port)
    found = {}
    for stage in (1, 2, 3):
        monitors = [
            SymmetryMonitor(every_n_steps=1, max_overhead=None),
            RepresentationMonitor(every_n_steps=2, batches=2, max_overhead=None),
        ]
        found[f"watched {stage}"] = train(stage, monitors)
        found[f"steered {stage}"] = train(stage, [RemoveSymmetry(Syre())])
    return found


@pytest.fixture(scope="module")
def both():
    return in_two_processes(work, *free_ports())


@pytest.mark.parametrize("stage", [1, 2])
def test_weights_that_are_whole_are_measured(stage, both):
    one, other = (each[f"watched {stage}"] for each in both)
    assert (one.told, one.error, one.steps) == ([], None, 6)
    assert one.logged == other.logged
    assert len(one.expected) > 5
    for key, value in one.expected.items():
        assert one.logged[key] == pytest.approx(value, rel=1e-6, abs=1e-6), key
    assert "symmetry/feature_rank/model.2" in one.logged
    assert "symmetry/growth_rate" not in one.logged  # gradients are elsewhere


def test_weights_that_are_not_there_are_not_measured(both):
    for found in (each["watched 3"] for each in both):
        assert (found.error, found.steps) == (None, 6)
        assert not [key for key in found.logged if key.startswith("symmetry")]
    assert all("DeepSpeed at stage 3" in told for told in both[0]["watched 3"].told)
    assert len(both[0]["watched 3"].told) == 2


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_removal_is_refused_before_the_first_step(stage, both):
    for found in (each[f"steered {stage}"] for each in both):
        assert found.steps == 0
        assert "which trains copies (DeepSpeed)" in found.error
