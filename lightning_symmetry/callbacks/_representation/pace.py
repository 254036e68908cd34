"""When to look, so that looking stays within its share of the training time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from .._budget import Budget


class Pace:
    """Knows when the next look is due.

    Args:
        every: Optimizer steps between the beginnings of two looks, at least.
        share: What looking may cost, as a share of training time; None for whatever it costs.

    Attributes:
        interval: Optimizer steps between two looks at present.
        last_step: Optimizer steps done when the last look began; None before the end of the first.
    """

    def __init__(self, every: int, share: float | None) -> None:
        self._every = self.interval = every
        self._budget = Budget(share)
        self.last_step: int | None = None
        self._passed: int | None = None
        self._seconds = 0.0

    def is_due(self, step: int) -> bool:
        """Whether it is time for a look.

        Args:
            step: Optimizer steps done.

        Returns:
            True for the first look, and as soon as the interval has passed.
        """
        return self.last_step is None or step - self.last_step >= self.interval

    def batch_starts(self) -> None:
        """Start the clock of a batch."""
        self._budget.batch_starts()

    def timed(self, act: Callable[..., None], *args: Any) -> None:
        """Do a part of a look.

        Args:
            act: What to do.
            *args: What it takes.
        """
        started = time.perf_counter()
        act(*args)
        seconds = time.perf_counter() - started
        self._seconds += seconds
        self._budget.leave_out(seconds)

    def looked(self, step: int) -> None:
        """Note that a look is over.

        Args:
            step: Optimizer steps done when it began.
        """
        self._passed, self.last_step = step - (self.last_step or 0), step

    def batch_ends(self) -> None:
        """Stop the clock of a batch."""
        self._budget.batch_ends()

    @property
    def is_over(self) -> bool:
        """Whether a look has ended for which there is no next interval yet."""
        return self._passed is not None

    def next_interval(self) -> int:
        """After a look, choose the interval to the next.

        Returns:
            What this process can afford; clocks differ from process to process.
        """
        assert self._passed is not None
        interval = self._budget.interval(self._every, self._passed, self._seconds)
        self._passed, self._seconds = None, 0.0
        return interval
