"""Signs that a training gives of what it is doing."""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from lightning_symmetry import RepresentationMonitor, SymmetryMonitor

BATCH, ACCUMULATION = "the first batch of a step", "a later batch of a step"
LOOK, CHECKPOINT = "a look", "the writing of a checkpoint"
REST = "what comes between these"
DOINGS = (BATCH, ACCUMULATION, LOOK, REST, CHECKPOINT)


class Signs(Callback):
    """Stands first among the callbacks, and says what comes next.

    Args:
        pulse: Where to say it.
    """

    def __init__(self, pulse: Connection) -> None:
        self._pulse = pulse
        self._step = -1

    def give(self, sign: str) -> None:
        """Say what is done from now on.

        Args:
            sign: What it is.
        """
        self._pulse.send_bytes(sign.encode())

    def on_train_batch_start(self, trainer: Trainer, *args: Any) -> None:
        """Say that a batch begins.

        Args:
            trainer: The Trainer.
            *args: Any.
        """
        self.give(ACCUMULATION if trainer.global_step == self._step else BATCH)
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        """Say that a monitor is about to look, if one is.

        Args:
            trainer: The Trainer.
            pl_module: Any.
            *args: Any.
        """
        if any(_is_due(one, trainer.global_step) for one in trainer.callbacks):  # type: ignore[attr-defined]
            self.give(LOOK)


def _is_due(callback: Callback, step: int) -> bool:
    if not isinstance(callback, (SymmetryMonitor, RepresentationMonitor)):
        return False
    return callback.last_step is not None and step - callback.last_step >= callback.interval
