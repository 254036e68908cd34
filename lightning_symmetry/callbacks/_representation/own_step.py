"""A look at the user's own training steps, for a few batches in a row."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .batch import Batch
from .call import each_once
from .measurement import Measurement
from .samples import Sampler
from .watch import Watch, listen

ENOUGH = 512
"""Samples, of all processes together, after which a look ends by default."""

MOST_BATCHES = 16
"""Batches after which it ends with fewer."""


def enough_batches(batch: Any, processes: int) -> int:
    """Say how many batches a look lasts by default.

    Args:
        batch: One of them.
        processes: How many there are.

    Returns:
        As many as make 512 samples, at most 16.
    """
    return min(MOST_BATCHES, math.ceil(ENOUGH / max(1, Batch(batch).size * processes)))


class OwnSteps:
    """Watches consecutive batches and measures what their steps compute anyway.

    Args:
        layers: Modules by name.
        measurement: Adds up.
        samples: At most so many of each tensor count, in a batch.
        batches: How many batches there are.

    Attributes:
        left: How many batches are still to come.
    """

    def __init__(
        self, layers: Mapping[str, nn.Module], measurement: Measurement, samples: int, batches: int
    ) -> None:
        self._layers, self._measurement = layers, measurement
        self._samples, self.left = samples, batches
        self._watch: Watch | None = None

    @property
    def is_last(self) -> bool:
        """Whether the batch is the last one."""
        return self.left == 1

    @property
    def seen(self) -> list[str]:
        """Names of the layers that ran so far."""
        return self._measurement.seen

    def begins(self, batch: Any) -> None:
        """Watch a batch.

        Args:
            batch: As ``training_step`` gets it.
        """
        known = Batch(batch)
        self._watch = Watch(self._layers, known, Sampler(known.mask, self._samples), listen)

    def collect(self) -> None:
        """Add what was seen since the last time. Comes after a backward pass, before the weights move."""
        if self._watch is None:
            return
        calls = each_once(self._watch.taken())
        classified, self._watch.classified = self._watch.classified, None
        self._measurement.add(calls)
        self._measurement.add_classes(classified)

    def ends(self) -> None:
        """Stop watching the batch."""
        self.collect()
        self.close()

    def values(self) -> dict[str, Tensor]:
        """Say what was measured, after the last batch."""
        return self._measurement.values()

    def close(self) -> None:
        """Remove all hooks."""
        if self._watch is not None:
            self._watch.close()
        self._watch = None
