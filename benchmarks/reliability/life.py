"""One life of a training: from the last checkpoint to its end, or to its violent death."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from benchmarks.reliability.journal import Journal
from benchmarks.reliability.signs import CHECKPOINT, REST, Signs
from benchmarks.reliability.small import SmallBatches, SmallClassifier, small_trainer
from lightning_symmetry import (
    AddSymmetry,
    Hadamard,
    RemoveSymmetry,
    RepresentationMonitor,
    Schedule,
    StageDetector,
    SymmetryMonitor,
    Syre,
)
from lightning_symmetry.demo.quiet import quiet

ACCUMULATED = 3
"""Batches of a step."""


@dataclass(frozen=True)
class Plan:
    """What a training is to do.

    Attributes:
        folder: Where it leaves its checkpoint, its journal and, at its end, its weights.
        steps: Optimizer steps.
        every: Optimizer steps from checkpoint to checkpoint.
        after: Batches after such a step at which it is written; 0 for the step's own last batch.
        removing: Whether symmetries are removed on the way.
    """

    folder: Path
    steps: int
    every: int = 2
    after: int = 0
    removing: bool = True

    @property
    def checkpoint(self) -> Path:
        """The last complete checkpoint."""
        return self.folder / "last.ckpt"

    @property
    def unfinished(self) -> Path:
        """A checkpoint that has not got its name yet."""
        return self.folder / "unfinished.ckpt"

    @property
    def fragments(self) -> list[Path]:
        """Files that Lightning has begun to write, and not ended."""
        return list(self.folder.glob("tmp*"))

    @property
    def journal(self) -> Path:
        """What is logged."""
        return self.folder / "journal.csv"

    @property
    def taken_up(self) -> Path:
        """The steps of the checkpoints that lives have begun with."""
        return self.folder / "taken_up.txt"

    @property
    def weights(self) -> Path:
        """What training ends with."""
        return self.folder / "weights.pt"


class Saving(Callback):
    """Replaces the checkpoint by a newer one that is complete, and keeps the state of the random numbers.

    Args:
        plan: Where and when.
        signs: Told of it.
    """

    def __init__(self, plan: Plan, signs: Signs) -> None:
        self._plan, self._signs = plan, signs
        self._step = self._batches = 0
        self._generator: Tensor | None = None

    def state_dict(self) -> dict[str, Any]:
        """Return the state of torch's random numbers, which Lightning leaves to its user."""
        return {"generator": torch.get_rng_state()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Go on with the random numbers of a checkpoint.

        Args:
            state_dict: What :meth:`state_dict` returned.
        """
        self._generator = state_dict["generator"]

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Set the random numbers.

        Args:
            trainer: The Trainer.
            pl_module: Any.
        """
        self._step = trainer.global_step
        if self._generator is not None:
            torch.set_rng_state(self._generator)
            with self._plan.taken_up.open("a", encoding="ascii") as file:
                file.write(f"{self._step}\n")

    def on_train_batch_end(self, trainer: Trainer, *args: Any) -> None:
        """Save when it is time.

        Args:
            trainer: The Trainer.
            *args: Any.
        """
        self._batches = 0 if trainer.global_step > self._step else self._batches + 1
        self._step = trainer.global_step
        if self._step and self._step % self._plan.every == 0 and self._batches == self._plan.after:
            self._signs.give(CHECKPOINT)
            trainer.save_checkpoint(self._plan.unfinished)
            os.replace(self._plan.unfinished, self._plan.checkpoint)
        self._signs.give(REST)


def callbacks(steps: int, removing: bool) -> list[Callback]:
    """Return one of each callback, all looking at different steps and steering on the way.

    Args:
        steps: Optimizer steps of the training.
        removing: Whether to remove symmetries on the way.
    """
    third = max(1, steps // 3)
    observing = [
        SymmetryMonitor(every_n_steps=7, max_overhead=None, strict=True),
        RepresentationMonitor(every_n_steps=11, batches=2, max_overhead=None, strict=True),
        StageDetector(every_n_steps=3, strict=True),
    ]
    schedule = Schedule(on=third // 2, off=third, ramp=max(1, third // 2))
    removal = [RemoveSymmetry(Syre(std=0.3), schedule=schedule)] if removing else []
    return [*observing, AddSymmetry({"*.3.weight": Hadamard(), "*": None}), *removal]


def live(plan: Plan, pulse: Connection) -> None:
    """Train from the last checkpoint to the end, and leave the weights.

    Args:
        plan: What to do.
        pulse: Told of what it does.
    """
    # where Lightning writes a file before it gives it its name
    tempfile.tempdir = str(plan.folder)
    signs = Signs(pulse)
    with quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(3)
        module = SmallClassifier(stair_steps=30)
        trainer = small_trainer(
            [signs, *callbacks(plan.steps, plan.removing), Saving(plan, signs)],
            plan.steps,
            logger=Journal(plan.journal),
            log_every_n_steps=1,
            accumulate_grad_batches=ACCUMULATED,
        )
        # an epoch ends in the middle of an accumulation
        data = SmallBatches(20 * ACCUMULATED + 1)
        trainer.fit(module, data, ckpt_path=plan.checkpoint if plan.checkpoint.exists() else None)
    torch.save(module.state_dict(), plan.weights)
