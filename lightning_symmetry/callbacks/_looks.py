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

    def read(self, trainer: Trainer) -> dict[str, float]:
        """Return the values of a look that is new. Every process must call it.

        Args:
            trainer: The Trainer.

        Returns:
            Numbers by key, the same in every process; none without a new look.
        """
        monitors = [each for each in _callbacks(trainer) if isinstance(each, SymmetryMonitor)]
        steps = [each.last_step for each in monitors if each.last_step is not None]
        if not steps or max(steps) == self.last_step:
            return {}
        self.last_step = max(steps)
        logged = trainer.callback_metrics
        keys = [key for key in logged if any(fnmatchcase(key, pattern) for pattern in self.patterns)]
        # one transfer from the device for all of them
        numbers = torch.stack([logged[key].float() for key in keys]).tolist() if keys else []
        values: dict[str, float] = trainer.strategy.broadcast(dict(zip(keys, numbers, strict=True)))
        return values


def _callbacks(trainer: Trainer) -> list[object]:
    return list(trainer.callbacks)  # type: ignore[attr-defined]  # set by a connector of the Trainer
