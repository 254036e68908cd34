"""Where over the depth of a network the rank of its features rises, falls and stays."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from torch import Tensor

from lightning_symmetry.functional._check import check, check_number

Phase = Literal["expansion", "reduction", "transmission"]
_DEVIATIONS = 3.0


class Segment(NamedTuple):
    """Consecutive layers in the same phase.

    Attributes:
        phase: ``"expansion"`` where the rank rises, ``"reduction"`` where it falls, or ``"transmission"``.
        first: index of its first layer.
        last: index of its last layer, which is the first one of the next segment.
        change: rank at the last layer in units of that at the first.
    """

    phase: Phase
    first: int
    last: int
    change: float


def depth_profile(
    ranks: Sequence[float] | Tensor, threshold: float = 0.1, noise: float = 0.0
) -> list[Segment]:
    r"""Locate the phases of the layers: expansion, reduction and transmission (arXiv 2502.05300).

    The logarithm of the rank as a function of depth is replaced by as few straight pieces as stay within a
    tolerance of it (Ramer 1972, Douglas & Peucker 1973). A piece that changes by more than the tolerance
    expands or reduces, any other transmits, and neighbours in the same phase are joined. So a slow rise over
    many layers is found even though no single step is large, and a single step back does not interrupt it.

    .. math:: \texttt{tolerance} = \max\bigl(\log(1 + \texttt{threshold}),\ 3 \sqrt2\, \texttt{noise}\bigr)

    Args:
        ranks: rank of the features of every layer, in the order of depth, such as effective ranks of
            :func:`~lightning_symmetry.functional.feature_ranks`. A tensor is brought to the CPU, for which a
            device waits. A rank of 0, of constant features, counts as one half.
        threshold: relative change that counts as one, more than 0.
        noise: relative standard error of a rank; a change of less than three standard errors of the
            difference of two ranks is none.

    Returns:
        Segments from the first layer to the last; none for fewer than two layers.

    Raises:
        ValueError: if the ranks are not one finite number of at least 0 a layer, ``threshold`` is not
            positive, or ``noise`` negative.

    Example:
        >>> from lightning_symmetry.functional import depth_profile
        >>> [segment[:3] for segment in depth_profile([10, 20, 40, 41, 40, 39, 20, 10])]
        [('expansion', 0, 2), ('transmission', 2, 5), ('reduction', 5, 7)]
    """
    check_number(threshold, "threshold")
    check(0 < threshold < math.inf, "threshold", "be positive and finite", threshold)
    check_number(noise, "noise")
    check(0 <= noise < math.inf, "noise", "be at least 0 and finite", noise)
    check(isinstance(ranks, (Tensor, Sequence)), "ranks", "be a sequence of numbers", type(ranks).__name__)
    if isinstance(ranks, Tensor):
        check(ranks.ndim == 1, "ranks", "have one dimension", tuple(ranks.shape))
        check(not ranks.is_meta, "ranks", "hold numbers", "a meta tensor")
    for rank in ranks if isinstance(ranks, Sequence) else ():
        check_number(rank, "ranks")
    values = [float(rank) for rank in (ranks.tolist() if isinstance(ranks, Tensor) else ranks)]
    good = all(0 <= value < math.inf for value in values)
    check(good, "ranks", "be one finite number of at least 0 a layer", values)
    sizes = [max(value, 0.5) for value in values]
    heights = [math.log(size / max(sizes)) for size in sizes]
    tolerance = max(math.log1p(threshold), _DEVIATIONS * math.sqrt(2) * noise)
    segments: list[Segment] = []
    for first, last in _straight_pieces(heights, 0, len(heights) - 1, tolerance):
        phase = _phase(heights[last] - heights[first], tolerance)
        while segments and segments[-1].phase == phase:
            first = segments.pop().first
            phase = _phase(heights[last] - heights[first], tolerance)  # two small drifts add up to a change
        segments.append(Segment(phase, first, last, math.exp(heights[last] - heights[first])))
    return segments


def _straight_pieces(heights: list[float], first: int, last: int, tolerance: float) -> list[tuple[int, int]]:
    if last <= first:
        return []
    slope = (heights[last] - heights[first]) / (last - first)
    off = [abs(heights[i] - heights[first] - slope * (i - first)) for i in range(first, last + 1)]
    if max(off) <= tolerance:
        return [(first, last)]
    knee = first + off.index(max(off))
    halves = (_straight_pieces(heights, *half, tolerance) for half in ((first, knee), (knee, last)))
    return [piece for half in halves for piece in half]


def _phase(change: float, tolerance: float) -> Phase:
    if abs(change) <= tolerance:
        return "transmission"
    return "expansion" if change > 0 else "reduction"
