"""What a process in training holds, and how long its steps take."""

from __future__ import annotations

import gc
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import lightning.pytorch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils._pytree import tree_leaves

from lightning_symmetry import StageDetector

MEMORY, PLAIN_STEP, LOOK = "resident memory, MiB", "a step without a look, ms", "a step with a look, ms"
OBJECTS, STATE, TRANSITIONS = "objects", "numbers and texts in a checkpoint", "transitions remembered"


class Watch(Callback):
    """Stands first among the callbacks and starts a clock at every batch."""

    started = 0.0

    def on_train_batch_start(self, *args: Any) -> None:
        """Start the clock of this process's own time.

        Args:
            *args: Any.
        """
        self.started = time.process_time()


class Footprint(Callback):
    """Stands last among the callbacks, and takes samples of what there is.

    Args:
        watch: The clock.
        every: Optimizer steps from sample to sample.
        has_looked: Tells whether a callback has looked at the model since it was last asked.

    Attributes:
        samples: One mapping of figures for each sample.
    """

    def __init__(self, watch: Watch, every: int, has_looked: Callable[[], bool]) -> None:
        self.samples: list[dict[str, float]] = []
        self._watch, self._every, self._has_looked = watch, every, has_looked
        self._times: dict[str, list[float]] = {PLAIN_STEP: [], LOOK: []}
        self._warnings = 0
        self._show = warnings.showwarning

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Count warnings from now on, each time that one is given.

        Args:
            trainer: Any.
            pl_module: Any.
        """
        warnings.showwarning = self._count
        # what was there before is left out of all counts
        gc.collect()
        gc.freeze()

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Stop the clock, and take a sample when it is time.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            *args: Any.
        """
        seconds = time.process_time() - self._watch.started
        self._times[LOOK if self._has_looked() else PLAIN_STEP].append(seconds)
        if trainer.global_step % self._every == 0:
            self.samples.append(self._sample(trainer, pl_module))

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Let warnings be shown again.

        Args:
            trainer: Any.
            pl_module: Any.
            stage: Any.
        """
        warnings.showwarning = self._show
        gc.unfreeze()

    def _sample(self, trainer: Trainer, module: LightningModule) -> dict[str, float]:
        times = {name: 1e3 * sum(each) / len(each) for name, each in self._times.items() if each}
        for each in self._times.values():
            each.clear()
        detectors = [one for one in trainer.callbacks if isinstance(one, StageDetector)]  # type: ignore[attr-defined]
        gc.collect()
        objects = gc.get_objects()
        return {
            MEMORY: resident() / 2**20,
            OBJECTS: float(len(objects)),
            "tensors": float(sum(issubclass(type(thing), Tensor) for thing in objects)),
            "open files": float(len(list(Path("/proc/self/fd").iterdir()))),
            "threads": float(threading.active_count()),
            "hooks": float(sum(1 for _ in hooks(module, trainer.optimizers))),
            STATE: float(state_size(trainer)),
            "logged keys": float(len(trainer.callback_metrics)),
            TRANSITIONS: float(sum(len(one.transitions) for one in detectors)),
            "warnings so far": float(self._warnings),
            **times,
        }

    def _count(self, *args: Any, **kwargs: Any) -> None:
        self._warnings += 1
        self._show(*args, **kwargs)


def resident() -> int:
    """Return the bytes of memory that this process occupies now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def hooks(module: nn.Module, optimizers: list[Optimizer]) -> Iterator[object]:
    """Go through all hooks of a model, its parameters and its optimizers.

    Args:
        module: The model.
        optimizers: All of them.

    Yields:
        Each hook.
    """
    for owner in (*module.modules(), *optimizers):
        for name, value in vars(owner).items():
            if name.endswith("_hooks"):
                yield from value.values()
    for parameter in module.parameters():
        yield from (parameter._backward_hooks or {}).values()


def state_size(trainer: lightning.pytorch.Trainer) -> int:
    """Return how much the callbacks put into a checkpoint."""
    leaves = tree_leaves([callback.state_dict() for callback in trainer.callbacks])  # type: ignore[attr-defined]
    return sum(leaf.numel() if isinstance(leaf, Tensor) else 1 for leaf in leaves)
