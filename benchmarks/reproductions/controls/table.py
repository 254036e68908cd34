"""The controls as Markdown: means with 95 % confidence intervals, held against those of syre."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchmarks.reproductions.controls.ways import SYRE
from benchmarks.reproductions.estimate import estimate

Found = Mapping[str, Sequence[Mapping[str, float]]]
"""Of each way, the figures of every seed, in the same order of seeds."""


def table(found: Found) -> str:
    """Write a table.

    Args:
        found: What was measured.

    Returns:
        A row for each way. A cell ends with ``=`` where the interval of the differences to syre with the same
        seed holds zero.
    """
    names = list(found[SYRE][0])
    rows = [["", *names], ["---"] * (len(names) + 1)]
    for way, seeds in found.items():
        rows.append([way, *(_cell(way, seeds, found[SYRE], name) for name in names)])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _cell(
    way: str, seeds: Sequence[Mapping[str, float]], syre: Sequence[Mapping[str, float]], name: str
) -> str:
    values = [figures[name] for figures in seeds]
    return f"{_written(values)}{' =' if way != SYRE and same(values, [f[name] for f in syre]) else ''}"


def same(values: Sequence[float], others: Sequence[float]) -> bool:
    """Whether paired values are not told apart at 95 %, by Student's t of their differences.

    Args:
        values: One for each seed.
        others: Those of the same seeds.

    Returns:
        False if the interval of the mean difference leaves zero out; a single pair tells nothing apart.
    """
    differences = [a - b for a, b in zip(values, others, strict=True)]
    if len(differences) == 1:
        return True
    found = estimate(differences)
    return found.low <= 0 <= found.high


def _written(values: Sequence[float]) -> str:
    found = estimate(values)
    half = found.high - found.mean
    if found.mean and abs(found.mean) < 0.01:
        return f"{found.mean:.1g} ± {half:.1g}"
    # Two digits of the uncertainty, and no more of the mean.
    digits = 2 if half == 0 else min(4, max(0, 1 - math.floor(math.log10(half))))
    return f"{found.mean:.{digits}f} ± {half:.{digits}f}"
