"""Keeping what an observer costs within a share of training time."""

from __future__ import annotations

import math
import time
from numbers import Real


class Budget:
    """Measures training and looking, and says how many steps to wait between two looks.

    Batches are timed from their start to their end, without the loading of data. On an accelerator a look
    waits for the work that is queued before it, which counts as its own cost: the promise is kept all the
    more.

    Args:
        share: What looking may cost, as a share of training time; None for whatever it costs.

    Raises:
        ValueError: If the share is no positive number.

    Attributes:
        looking: Seconds that a look takes, the latest counting half.
    """

    def __init__(self, share: float | None) -> None:
        if share is not None and not (isinstance(share, Real) and share > 0):
            raise ValueError(f"`max_overhead` must be positive or None, found {share!r}")
        self._share = share
        self._training = 0.0
        self._batch: float | None = None
        self.looking = 0.0

    def batch_starts(self) -> None:
        """Start the clock of a batch."""
        self._batch = time.perf_counter()

    def leave_out(self, seconds: float) -> None:
        """Leave out of the present batch what was no training.

        Args:
            seconds: How long it took.
        """
        if self._batch is not None:
            self._batch += seconds

    def batch_ends(self) -> None:
        """Add a batch to the training time since the latest look."""
        if self._batch is not None:
            self._training += time.perf_counter() - self._batch
        self._batch = None

    def interval(self, least: int, steps: int, look: float) -> int:
        """How long to wait for the next look.

        Args:
            least: Steps to wait at least.
            steps: Steps since the look before this one.
            look: Seconds that this one took.

        Returns:
            Optimizer steps.
        """
        self.looking = (self.looking + look) / 2 if self.looking else look
        training, self._training = self._training, 0.0
        if not steps or not training:
            return least
        return steps_between(self._share, least, training / steps, self.looking)


def steps_between(share: float | None, least: int, step: float, look: float) -> int:
    """How many steps there must be from look to look.

    Args:
        share: What looking may cost, as a share of training time; None for whatever it costs.
        least: Steps to wait at least.
        step: Seconds that a step takes.
        look: Seconds that a look takes.

    Returns:
        Optimizer steps.
    """
    return least if share is None else max(least, math.ceil(look / (share * step)))
