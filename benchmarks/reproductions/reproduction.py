"""A published result, and how to measure it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from benchmarks.reproductions.outcome import Outcome


@dataclass(frozen=True)
class Size:
    """How much is computed.

    Attributes:
        full: The size of the source instead of one for two CPU cores within minutes.
        seeds: Number of independent trainings.
    """

    full: bool = False
    seeds: int = 3

    @property
    def held_out(self) -> range:
        """Seeds that no setting was chosen on: trials have smaller ones."""
        return range(10, 10 + self.seeds)

    @property
    def accelerator(self) -> str:
        """What Lightning trains on."""
        return "gpu" if self.full and torch.cuda.is_available() else "cpu"


@dataclass(frozen=True)
class Reproduction:
    """A published result.

    Attributes:
        claim: The claim, in a sentence.
        source: Paper and section.
        measure: Trains and measures at a given size.
        seeds: Independent trainings at the small size.
        full_seeds: Those at the full one.
    """

    claim: str
    source: str
    measure: Callable[[Size], Outcome]
    seeds: int = 3
    full_seeds: int = 10

    def size(self, full: bool) -> Size:
        """Return the size at which to measure.

        Args:
            full: Whether it is that of the source.

        Returns:
            The size.
        """
        return Size(full, self.full_seeds if full else self.seeds)
