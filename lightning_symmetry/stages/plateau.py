"""Whether a few points stand still."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

_ROUGHNESS = 1.2


def stands_still(values: Sequence[float], allowed: float) -> bool:
    """Whether points have no trend that can be told from their noise.

    Their squared differences must add up to 1.2 of their squared deviations from the mean at least: von
    Neumann's ratio (*Annals of Mathematical Statistics* 1941) is 2 for independent points and 0 for a slope.

    Args:
        values: At least one.
        allowed: Span up to which a trend does not matter.

    Returns:
        Whether they stand still.

    Example:
        >>> stands_still([1.0, 2.0, 1.0, 2.0], 0.0), stands_still([1.0, 2.0, 3.0, 4.0], 0.0)
        (True, False)
    """
    if span(values) <= allowed:
        return True
    mean = sum(values) / len(values)
    differences = sum((b - a) ** 2 for a, b in pairwise(values))
    return differences >= _ROUGHNESS * sum((value - mean) ** 2 for value in values)


def span(values: Sequence[float]) -> float:
    """Return the largest minus the smallest.

    Args:
        values: At least one.

    Returns:
        Their span.
    """
    return max(values) - min(values)
