"""Where a whole series jumps, found when all of it is there."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightning_symmetry.functional._check import check, check_numbers
from lightning_symmetry.stages.online import WINDOW
from lightning_symmetry.stages.transition import Transition

_PENALTY = 4.0
_CORRELATED = 0.95
_NORMAL = 1.4826  # standard deviation of normal noise over its median absolute deviation
_FINEST = 0.01


def transitions(steps: Sequence[int], values: Sequence[float], key: str = "loss") -> list[Transition]:
    r"""Divide a series into pieces of constant level.

    Minimises :math:`\sum_i (x_i - \mu_{k(i)})^2 + \beta K` exactly over the number K of pieces and their
    borders with PELT (Killick, Fearnhead, Eckley, JASA 2012) from the library ``ruptures``. The penalty
    :math:`\beta = 4 \hat\sigma^2 \log n` is twice that of the Bayesian information criterion for a level and
    a border. The noise σ̂ is that of a mean of neighbours that correlate; it comes from medians of
    differences, which jumps hardly touch, and is never taken to be less than a hundredth of the range. A
    piece has at least :data:`~lightning_symmetry.stages.online.WINDOW` points.

    Args:
        steps: Increasing steps.
        values: The value at each of them; those that are not finite are left out.
        key: Key of the series, which says what a jump means.

    Returns:
        The transitions in order, dated at the first point after each. Moved and scaled series have the same.

    Raises:
        ImportError: If ``ruptures`` is not installed.
        ValueError: If there are not as many steps as values, one is no number, a step is not finite, or
            ``key`` says nothing about breaking.

    Example:
        >>> [(t.step, t.kind) for t in transitions(range(0, 400, 10), [3.0] * 20 + [1.0] * 20)]
        [(200, 'fell')]
    """
    steps = steps.tolist() if isinstance(steps, np.ndarray) else steps
    values = values.tolist() if isinstance(values, np.ndarray) else values
    check_numbers(steps, "steps")
    check_numbers(values, "values")
    check(isinstance(key, str), "key", "be a text", key)
    check(all(map(math.isfinite, steps)), "steps", "be finite", steps)
    if len(steps) != len(values):
        raise ValueError(f"`values` must be as many as `steps`, found {len(values)} and {len(steps)}")
    points = [(step, value) for step, value in zip(steps, values, strict=True) if math.isfinite(value)]
    series = np.array([value for _, value in points])
    if len(series) < 2 * WINDOW or not np.ptp(series):
        return []
    series = (series - series.min()) / np.ptp(series)
    penalty = _PENALTY * max(_noise(series), _FINEST) ** 2 * math.log(len(series))
    # the linear kernel's cost is the squared deviation from the mean, in compiled code
    search = _ruptures().KernelCPD(kernel="linear", min_size=WINDOW).fit(series[:, None])
    borders = [0, *search.predict(pen=penalty)]
    levels = [float(np.mean([value for _, value in points[a:b]])) for a, b in pairwise(borders)]
    return [
        Transition.of(key, int(points[border][0]), before, after)
        for border, before, after in zip(borders[1:], levels, levels[1:], strict=False)
    ]


def _noise(series: NDArray[Any]) -> float:
    """Standard deviation of noise, enlarged as that of a mean is where neighbours correlate."""
    variances = []
    for lag in (1, 2):
        differences = series[lag:] - series[:-lag]
        deviation = float(np.median(np.abs(differences - np.median(differences))))
        variances.append((_NORMAL * deviation) ** 2 / 2)
    one, two = variances
    if not one:
        return 0.0
    # differences of autoregressive noise over one and two points have variances as 1 to 1 + φ
    correlation: float = min(max(two / one - 1 + len(series) ** -0.5, 0.0), _CORRELATED)
    return math.sqrt(one * (1 + correlation)) / (1 - correlation)


def _ruptures() -> Any:
    try:
        import ruptures
    except ImportError as error:
        raise ImportError(
            "`transitions` needs the library ruptures: pip install 'lightning-symmetry[report]'"
        ) from error
    return ruptures
