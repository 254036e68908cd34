"""Two processes log what one logs of all their samples."""

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.strategies import DDPStrategy
from torch import nn

from lightning_symmetry import RepresentationMonitor

from ..processes import free_ports, in_two_processes, launched
from .runs import Batches, monitored

OPTIONS = {
    "accelerator": "cpu",
    "max_steps": 4,
    "logger": False,
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "limit_val_batches": 0,
}


class Halves(lightning.pytorch.LightningModule):
    """Each process takes its half of a batch; one layer runs in the second process only."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = nn.Sequential(
                nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)
            )
            self.sometimes = nn.Linear(6, 2)

    def training_step(self, batch, batch_idx):
        x, y = (each.chunk(self.trainer.world_size)[self.global_rank] for each in batch)
        loss = nn.functional.cross_entropy(self.model(x), y)
        if self.global_rank == self.trainer.world_size - 1:
            loss = loss + 0.1 * self.sometimes(x).square().mean()
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.model.parameters(), 0.1)

    def train_dataloader(self):
        return Batches()


class Sharing(RepresentationMonitor):
    """Sees of each batch what its process takes."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        mine = [each.chunk(trainer.world_size)[trainer.global_rank] for each in batch]
        super().on_train_batch_start(trainer, pl_module, mine, batch_idx)


def train(**options) -> dict[str, float]:
    monitor = Sharing(every_n_steps=2, batches=2, strict=True, max_overhead=None)
    trainer = lightning.pytorch.Trainer(**OPTIONS, callbacks=[monitor], **options)
    trainer.fit(Halves())
    return monitored(trainer)


def work(rank: int, port: int) -> dict[str, float]:
    """Be one of two processes."""
    launched(rank, port)
    return train(devices=2, strategy=DDPStrategy(process_group_backend="gloo", find_unused_parameters=True))


@pytest.fixture(scope="module")
def both():
    """What each of two processes logs."""
    return in_two_processes(work, *free_ports())


def test_two_processes_log_what_one_logs(both):
    alone = train(devices=1)
    assert {"symmetry/nc1", "symmetry/nc4", "symmetry/alignment_forward_hg_init/model.2"} <= alone.keys()
    assert both[0] == both[1]
    of_all = {key for key in alone if ("sometimes" not in key and key.count("/") == 2) or "nc" in key}
    assert len(of_all) > 70
    for key in of_all:
        assert both[0][key] == pytest.approx(alone[key], rel=1e-4, abs=1e-5), key


def test_a_layer_that_runs_in_one_process_is_logged_by_both(both):
    assert {"symmetry/feature_rank/sometimes", "symmetry/alignment_forward_hg/sometimes"} <= both[0].keys()
