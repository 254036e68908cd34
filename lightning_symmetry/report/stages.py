"""When a loss stands still."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

WINDOW = 0.1
"""Length of the window over which a loss must stand still, as a part of all points."""

TOLERANCE = 0.02
"""Change of the loss over a window, as a part of the range that it covers, up to which it stands still."""


def plateaus(
    steps: Sequence[int], losses: Sequence[float], window: float = WINDOW, tolerance: float = TOLERANCE
) -> list[tuple[int, int]]:
    """Find the stretches of training in which a loss hardly falls.

    Learning proceeds in stages: the loss falls, stands still near a symmetric state, and falls again when
    the symmetry breaks (arXiv 2502.05300). A stretch counts as a plateau if, from the beginning to the end
    of a window, the loss falls or rises by less than a small part of the whole range that it covers. Where
    the loss bounces, the median of the points around decides.

    Args:
        steps: Increasing steps.
        losses: The loss at each of them.
        window: Length of the window as a part of all points.
        tolerance: Fall in a window, as a part of the range of the loss, under which it stands still.

    Returns:
        First and last step of each plateau, in order. None for fewer than five points, or losses that are
        not finite.

    Example:
        >>> plateaus(range(9), [4.0, 4.0, 4.0, 3.0, 2.0, 1.0, 1.0, 1.0, 1.0])
        [(0, 2), (5, 8)]
    """
    values = np.asarray(losses, dtype=float)
    count = len(values)
    if count < 5 or not np.isfinite(values).all():
        return []
    width = max(1, round(window * count))
    half = width // 2
    smooth = np.array([np.median(values[max(0, i - half) : i + half + 1]) for i in range(count)])
    allowed = tolerance * np.ptp(values)
    flat = np.abs(smooth[width:] - smooth[:-width]) <= allowed
    found: list[tuple[int, int]] = []
    for start in np.flatnonzero(flat):
        end = int(start) + width
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((int(start), end))
    return [(int(steps[start]), int(steps[end])) for start, end in found]
