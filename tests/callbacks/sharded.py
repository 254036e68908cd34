"""What each of two processes does in the tests of what is distributed; see ``test_sharded.py``."""

import warnings
from types import SimpleNamespace

import lightning.pytorch
import torch
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy
from torch import nn
from torch.distributed.tensor import DTensor, Replicate, Shard
from torch.distributed.tensor.parallel import (
    ColwiseParallel,
    RowwiseParallel,
    SequenceParallel,
    parallelize_module,
)

from lightning_symmetry import RepresentationMonitor, StageDetector, SymmetryMonitor
from lightning_symmetry.callbacks import _symmetry_callback
from lightning_symmetry.metrics import order_parameters
from lightning_symmetry.surgery import Syre
from lightning_symmetry.surgery.syre import syre_offset

from ..processes import launched
from .runs import Batches

QUIET = {
    "accelerator": "cpu",
    "logger": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
    "enable_checkpointing": False,
    "limit_val_batches": 0,
}


def network() -> nn.Module:
    """Rectified and tanh units, always the same; 9 and 3 do not divide by two."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 9), nn.Tanh(), nn.Linear(9, 3))


class Replicated(lightning.pytorch.LightningModule):
    """The same weights everywhere."""

    strategy = staticmethod(lambda: DDPStrategy(process_group_backend="gloo"))

    def __init__(self) -> None:
        super().__init__()
        self.model = network()

    def configure_model(self):
        if self.device_mesh is not None and not isinstance(next(self.parameters()), DTensor):
            self.shard()

    def shard(self):
        pass

    def training_step(self, batch, batch_idx):
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1, momentum=0.5, weight_decay=0.01)

    def train_dataloader(self):
        return Batches()


class Split(Replicated):
    """Split by columns and rows."""

    strategy = staticmethod(lambda: ModelParallelStrategy(data_parallel_size=1, tensor_parallel_size=2))

    def shard(self):
        plan = {
            "0": ColwiseParallel(),
            "2": RowwiseParallel(),
            "4": ColwiseParallel(output_layouts=Replicate()),
        }
        parallelize_module(self.model, self.device_mesh["tensor_parallel"], plan)


class Tokens(Replicated):
    """Pairs of tokens, in between normalised."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            layers = nn.Linear(12, 10), nn.LayerNorm(10), nn.Linear(10, 3)
        self.model = nn.Sequential(*self.model[:2], *layers)

    def training_step(self, batch, batch_idx):
        tokens = self.model(batch[0].view(8, 2, 6))
        return nn.functional.cross_entropy(tokens.flatten(0, 1), batch[1])


class SplitTokens(Tokens):
    """Tokens are split where units are not."""

    strategy = Split.strategy

    def shard(self):
        plan = {
            "0": ColwiseParallel(),
            "2": RowwiseParallel(output_layouts=Shard(1)),
            "3": SequenceParallel(),
            "4": ColwiseParallel(input_layouts=Shard(1), output_layouts=Replicate()),
        }
        parallelize_module(self.model, self.device_mesh["tensor_parallel"], plan)


class Sharded(Replicated):
    """Every parameter sharded."""

    strategy = staticmethod(lambda: ModelParallelStrategy(data_parallel_size=2, tensor_parallel_size=1))

    def shard(self):
        for layer in (*self.model[::2], self.model):
            torch.distributed.fsdp.fully_shard(layer, mesh=self.device_mesh["data_parallel"])


def train(module, port=None, rank=0, monitor=None, resume=None, save=None, **options) -> SimpleNamespace:
    """Train with a monitor and a detector, alone or as one of two processes.

    Returns:
        What was logged, found and warned of, and the callbacks' states; ``error`` if it was raised.
    """
    if port is not None:
        launched(rank, port)
        options |= {"devices": 2, "strategy": type(module).strategy()}
    monitor = monitor or SymmetryMonitor(every_n_steps=1, max_overhead=None)
    detector = StageDetector(every_n_steps=4)
    options = {**QUIET, "max_steps": 6, "devices": 1, "callbacks": [detector, monitor], **options}
    error = None
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        trainer = lightning.pytorch.Trainer(**options)
        try:
            trainer.fit(module, ckpt_path=resume)
        except Exception as raised:
            error = f"{type(raised).__name__}: {raised}"
    result = SimpleNamespace(
        logged={k: float(v) for k, v in trainer.callback_metrics.items()},
        symmetries=None if monitor.symmetries is None else [str(s.name) for s in monitor.symmetries],
        steps=trainer.global_step,
        warned=[str(each.message) for each in seen if "switches itself off" in str(each.message)],
        offsets=offsets(module),
        error=error,
    )
    if save:
        trainer.save_checkpoint(save)
        result.looked, result.read = monitor.last_step, detector.state_dict()["last_reading"]
    if port is not None:
        torch.distributed.destroy_process_group()
    return result


def offsets(module) -> dict[str, list]:
    """The whole offsets of steering in the optimizer, in plain numbers that a process can send."""
    found = {name: syre_offset(module, name, Syre()) for name, _ in module.named_parameters()}
    return {n: (o.full_tensor() if isinstance(o, DTensor) else o).tolist() for n, o in found.items()}


class Broken(SymmetryMonitor):
    """Fails in one of two processes, in the middle of the second look."""

    def __init__(self, **options) -> None:
        super().__init__(every_n_steps=1, max_overhead=None, **options)
        self.calls = 0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        measures = order_parameters.EXACT
        if trainer.global_rank == 1 and trainer.global_step == 2:
            order_parameters.EXACT = {**measures, "permutation": (self.fail_later, *measures["permutation"])}
        try:
            super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        finally:
            order_parameters.EXACT = measures

    def fail_later(self, weights):
        self.calls += 1
        if self.calls == 2:
            raise ArithmeticError("the second space is broken here")
        return {}


class Uneven(Sharded):
    """One process has half a batch, and then numbers that are no longer finite."""

    def training_step(self, batch, batch_idx):
        rows = slice(None) if self.global_rank else slice(8)
        loss = super().training_step([each[rows] for each in batch], batch_idx)
        return loss * float("nan") if self.global_step == 4 and self.global_rank == 1 else loss


def without_data(self, batch, batch_idx):
    """Stands for a first batch from which nothing can be found."""
    raise LookupError("this process has no batch")


def representation_monitors() -> list[RepresentationMonitor]:
    """One of what can be put together of ``Split``, and one of what it shows each process in part."""
    options = {"batches": 2, "max_overhead": None}
    everything = RepresentationMonitor(["model.[0234]"], every_n_steps=2, **options)
    return [everything, RepresentationMonitor(["model.1"], every_n_steps=3, **options)]


def unsure(self, batch, batch_idx):
    """Stands for a first batch that cannot be traced."""
    return None


def work(rank: int, ports: list[int], folder: str) -> dict[str, SimpleNamespace]:
    """Be one of two processes."""
    port = iter(ports)
    found = {each.__name__: train(each(), next(port), rank) for each in (Replicated, Split, Sharded, Uneven)}
    found["resumed"] = train(
        Replicated(), next(port), rank, resume=f"{folder}/one.ckpt", save=f"{folder}/two.ckpt"
    )
    found["split layers"] = train(Split(), next(port), rank, callbacks=representation_monitors())
    found["split tokens"] = train(SplitTokens(), next(port), rank, callbacks=representation_monitors()[:1])
    found["broken"] = train(Sharded(), next(port), rank, Broken())
    found["strict"] = train(Sharded(), next(port), rank, Broken(strict=True))
    before = _symmetry_callback.FirstStep.before
    for name, replacement in (("without data", without_data), ("unsure", unsure)):
        if rank == 1:
            _symmetry_callback.FirstStep.before = replacement
        found[name] = train(Replicated(), next(port), rank)
        _symmetry_callback.FirstStep.before = before
    return found
