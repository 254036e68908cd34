"""Two processes: what is found is the same on both, and the same as on one."""

import lightning.pytorch
import pytest
import torch
import torch.distributed.fsdp
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import nn
from torch.distributed.tensor.parallel import ColwiseParallel, RowwiseParallel, parallelize_module

from lightning_symmetry import find_symmetries
from lightning_symmetry.callbacks._first_step import FirstStep

from ..processes import free_ports, in_two_processes, launched
from .runs import Batches

FULLY_SHARD = hasattr(torch.distributed.fsdp, "fully_shard")  # older versions of torch keep it elsewhere


def layers() -> list[nn.Module]:
    return [nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.Tanh(), nn.Linear(8, 3)]


class Replicated(lightning.pytorch.LightningModule):
    """The same weights everywhere."""

    strategy = staticmethod(lambda: DDPStrategy(process_group_backend="gloo"))

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers())

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)

    def train_dataloader(self):
        return Batches()


class Gathering(Replicated):
    """A loss of the outputs of all processes."""

    def training_step(self, batch, batch_idx):
        return self.all_gather(self.model(batch[0]), sync_grads=True).square().mean()


class Checking(Replicated):
    """A step that depends on a number, so that its modules are watched."""

    def training_step(self, batch, batch_idx):
        loss = super().training_step(batch, batch_idx)
        return loss if loss > -1 else -loss


class Split(Replicated):
    """Built on the meta device, and split by columns and rows."""

    strategy = staticmethod(lambda: ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=2))

    def __init__(self) -> None:
        super().__init__()
        self.model = None

    def configure_model(self):
        if self.model is None:
            with torch.device("meta"):
                self.model = nn.Sequential(*layers())
            self.shard()

    def shard(self):
        plan = {"0": ColwiseParallel(), "2": RowwiseParallel()}
        parallelize_module(self.model, self.device_mesh["tensor_parallel"], plan)


class Sharded(Split):
    """Built on the meta device, and every parameter sharded."""

    strategy = staticmethod(lambda: ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1))

    def shard(self):
        for layer in (*self.model[::2], self.model):
            torch.distributed.fsdp.fully_shard(layer, mesh=self.device_mesh["data_parallel"])


class ShardedChecking(Sharded, Checking):
    """The same with a step that depends on a number."""


class Finding(lightning.pytorch.Callback):
    """Finds the symmetries as the monitor does, and measures nothing."""

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx) -> None:
        self.first = FirstStep(pl_module)
        self.symmetries = self.first.before(batch, batch_idx)

    def on_before_backward(self, trainer, pl_module, loss) -> None:
        if self.first.is_watching:
            self.symmetries = self.first.after()


CASES = (Replicated, Gathering, Checking, Split, Sharded, ShardedChecking)
CASES = tuple(case for case in CASES if not issubclass(case, Sharded) or FULLY_SHARD)


def train(module_class) -> list[tuple[str, str, int]]:
    """What is found in training."""
    finding = Finding()
    trainer = lightning.pytorch.Trainer(
        accelerator="cpu",
        devices=2,
        strategy=module_class.strategy(),
        callbacks=[finding],
        max_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )
    trainer.fit(module_class())
    torch.distributed.destroy_process_group()
    return [(s.name, s.group, s.size) for s in finding.symmetries]


def work(rank: int, ports: list[int]) -> dict[str, list[tuple[str, str, int]]]:
    """Be one of two processes."""
    found = {}
    for module_class, port in zip(CASES, ports, strict=True):
        launched(rank, port)
        found[module_class.__name__] = train(module_class)
    return found


@pytest.fixture(scope="module")
def both():
    """What each of two processes finds, by the name of the case."""
    return in_two_processes(work, free_ports(len(CASES)))


class Alone(nn.Module):
    """The model itself."""

    def __init__(self) -> None:
        super().__init__()
        self.model = nn.Sequential(*layers())

    def forward(self, x):
        return self.model(x)


def cross_entropy(y):
    return nn.functional.cross_entropy(y, torch.zeros(16, dtype=torch.long))


@pytest.mark.parametrize("case", CASES)
def test_both_processes_find_what_one_finds(case, both):
    loss = cross_entropy if case in (Replicated, Split, Sharded) else None
    expected = [(s.name, s.group, s.size) for s in find_symmetries(Alone(), torch.zeros(16, 6), loss=loss)]
    assert [found[case.__name__] for found in both] == [expected, expected]
