"""Mean and standard deviation over seeds."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from lightning_symmetry.functional._check import check, check_numbers
from lightning_symmetry.report.run import Run, check_runs

_LARGEST = 1e150  # squares stay finite


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
            values: Any numbers; one that is not finite, or too large to be added up, makes mean and deviation
                NaN.

        Returns:
            Their mean, deviation and count.

        Raises:
            ValueError: If one is no number.
        """
        check_numbers(values, "values")
        if not values or not all(abs(value) < _LARGEST for value in values):
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

    Raises:
        ValueError: If they are no runs, or ``key`` is no text.
    """
    check_runs(runs)
    check(isinstance(key, str), "key", "be a text", key)
    return Spread.of([run.figures[key] for run in runs if key in run.figures])


def band(runs: Sequence[Run], key: str) -> Band:
    """Summarise a curve over runs.

    Args:
        runs: Runs of one variant.
        key: Key of a curve; runs without it do not count.

    Returns:
        The spread at each step that all these runs have; empty if none has the curve.

    Raises:
        ValueError: If they are no runs, or ``key`` is no text.
    """
    check_runs(runs)
    check(isinstance(key, str), "key", "be a text", key)
    curves = [dict(zip(c.steps, c.values, strict=True)) for run in runs if (c := run.curves.get(key))]
    if not curves:
        return Band((), ())
    steps = tuple(sorted(set.intersection(*(set(curve) for curve in curves))))
    return Band(steps, tuple(Spread.of([curve[step] for curve in curves]) for step in steps))
