"""The order parameters that a monitor of the same Trainer has logged."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import torch

from .._compat import Trainer
from .monitor import SymmetryMonitor


class Looks:
    """Read each look of a :class:`~lightning_symmetry.SymmetryMonitor` once.

    Args:
        patterns: Patterns of the keys to read.

    Attributes:
        last_step: Step of the last look that was read.
    """

    def __init__(self, patterns: Sequence[str]) -> None:
        self.patterns = patterns
        self.last_step: int | None = None

    def has_news(self, trainer: Trainer) -> bool:
        """Whether there is a look that was not read, the same in every process.

        Args:
            trainer: The Trainer.

        Returns:
            Whether to :meth:`read` it.
        """
        step = _latest(trainer)
        return step is not None and step != self.last_step

    def read(self, trainer: Trainer) -> dict[str, float]:
        """Return the values of the latest look. Every process must call it.

        Args:
            trainer: The Trainer.

        Returns:
            Numbers by key, the same in every process.
        """
        self.last_step = _latest(trainer)
        logged = trainer.callback_metrics
        keys = [key for key in logged if any(fnmatchcase(key, pattern) for pattern in self.patterns)]
        # one transfer from the device for all of them
        numbers = torch.stack([logged[key].float() for key in keys]).tolist() if keys else []
        values: dict[str, float] = trainer.strategy.broadcast(dict(zip(keys, numbers, strict=True)))
        return values


def _latest(trainer: Trainer) -> int | None:
    callbacks = list(trainer.callbacks)  # type: ignore[attr-defined]  # set by a connector of the Trainer
    steps = [each.last_step for each in callbacks if isinstance(each, SymmetryMonitor)]
    return max((step for step in steps if step is not None), default=None)
