"""Mean and standard deviation over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_symmetry.report.run import Run


@dataclass(frozen=True)
class Spread:
    """Numbers of the same kind from several seeds.

    Attributes:
        mean: Their mean; NaN if there are none.
        std: Their standard deviation with ``n - 1`` in the denominator; 0 for a single one.
        count: How many there are.

    Example:
        >>> Spread.of([9.0, 10.0, 11.0])
        Spread(mean=10.0, std=1.0, count=3)
    """

    mean: float
    std: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Summarise numbers.

        Args:
            values: Any numbers; one that is not finite makes mean and deviation NaN.

        Returns:
            Their mean, deviation and count.
        """
        if not values or not all(map(math.isfinite, values)):
            return cls(math.nan, math.nan, len(values))
        return cls(
            statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else 0.0, len(values)
        )


@dataclass(frozen=True)
class Band:
    """A curve with its spread over seeds.

    Attributes:
        steps: The steps that all seeds share.
        spreads: The spread at each of them.
    """

    steps: tuple[int, ...]
    spreads: tuple[Spread, ...]

    @property
    def means(self) -> list[float]:
        """The mean over seeds at every step."""
        return [spread.mean for spread in self.spreads]


def figure(runs: Sequence[Run], key: str) -> Spread:
    """Summarise what runs ended with.

    Args:
        runs: Runs of one variant.
        key: Key of a figure; runs without it do not count.

    Returns:
        Its spread over the runs.
    """
    return Spread.of([run.figures[key] for run in runs if key in run.figures])


def band(runs: Sequence[Run], key: str) -> Band:
    """Summarise a curve over runs.

    Args:
        runs: Runs of one variant.
        key: Key of a curve; runs without it do not count.

    Returns:
        The spread at each step that all these runs have; empty if none has the curve.
    """
    curves = [dict(zip(c.steps, c.values, strict=True)) for run in runs if (c := run.curves.get(key))]
    if not curves:
        return Band((), ())
    steps = tuple(sorted(set.intersection(*(set(curve) for curve in curves))))
    return Band(steps, tuple(Spread.of([curve[step] for curve in curves]) for step in steps))
