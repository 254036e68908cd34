"""Whether the loss has a slope along the orbits of its symmetries, in closed form where there is one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial, reduce
from itertools import combinations

import torch
from torch import Tensor

from ...discovery.leg import Leg
from ...discovery.symmetry import Symmetry
from ...functional import general_linear_slopes, scaling_slopes
from ...functional._finite import finite_or_nan, ratio
from ...functional._norm import frobenius_norm
from .measured import Measured, batched
from .rows import FIRST, lengths_of_rows, parts
from .slopes import Slopes
from .space import sides
from .sums import Asking, Sum, Term

Pair = tuple[str, Callable[[], tuple[Tensor, Tensor]]]
"""A parameter, and what reads weights and gradients of it."""


def leaks(given: Slopes, symmetries: Iterable[Symmetry]) -> Asking[Measured]:
    """Measure ‖⟨Xθ, ∇L⟩‖ / (‖Xθ‖ ‖∇L‖) of the symmetries for which :func:`has_closed_form` holds.

    Args:
        given: weights and gradients.
        symmetries: all symmetries.

    Yields:
        Sums of slopes, and of lengths.

    Returns:
        ``orbit_leak``; the model's is the largest of those that hold exactly. Symmetries are left out where
        a gradient is missing: along the rest of an orbit the loss may well have a slope.
    """
    plain = [s for s in symmetries if has_closed_form(s) and given.have(_moved(s))]
    slopes = {(s.name, "slopes"): Sum(_slopes(given, s)) for s in plain}
    lengths = {(s.name, "length"): Sum(_lengths(given, s), torch.hypot) for s in plain}
    found = yield slopes | lengths
    each = batched(
        partial(_share, given.steepness()),
        ((s.name, [found[s.name, "slopes"], found[s.name, "length"]]) for s in plain),
    )
    certain = [each[s.name] for s in plain if s.holds == "exactly"]
    return Measured(each, torch.stack(certain).max() if certain else None)


def has_closed_form(symmetry: Symmetry) -> bool:
    """Tell whether the directions of a symmetry are plain: a group moves every weight once, as it is.

    Args:
        symmetry: any.

    Returns:
        False for discrete groups, spaces behind gains or beside their mean, pieces on both sides of which the
        space stands, shifts that pass through weights, logarithmic scales, and what moves buffers or random
        numbers along.
    """
    plain = symmetry.group in _CLOSED and not symmetry.centred and symmetry.holds != "in distribution"
    return plain and all(map(_is_plain, symmetry.legs)) and not _overlap(symmetry)


def _is_plain(leg: Leg) -> bool:
    if leg.kind == "statistic":  # which training does not read
        return True
    passed = leg.frames or leg.chain or leg.additive or leg.unit is not None
    return leg.kind == "parameter" and not passed


def _overlap(symmetry: Symmetry) -> bool:
    """Whether some weights may be moved twice."""
    legs = [leg for leg in symmetry.legs if leg.kind == "parameter"]
    twice = symmetry.group != "translation" and any(len(leg.acts) > 1 for leg in legs)
    return twice or any(
        _meet(*pair) for pair in combinations(legs, 2) if len({p.parameter for p in pair}) == 1
    )


def _meet(one: Leg, other: Leg) -> bool:
    """Whether the boxes around two pieces of one parameter have entries in common."""
    ranges = zip(_ranges(one), _ranges(other), strict=True)
    return all(start < stop_too and start_too < stop for (start, stop), (start_too, stop_too) in ranges)


def _ranges(leg: Leg) -> list[tuple[int, int]]:
    last = list(leg.offset)
    for axis, step, size in leg.atoms:
        if axis >= 0:
            last[axis] += step * (size - 1)
    return [(start, end + 1) for start, end in zip(leg.offset, last, strict=True)]


def _moved(symmetry: Symmetry) -> set[str]:
    return {leg.parameter for leg in symmetry.legs if leg.kind == "parameter"}


def _slopes(given: Slopes, symmetry: Symmetry) -> list[Term]:
    """What each piece adds to the slopes along all directions."""
    if symmetry.group in _OF_MATRICES:
        forwards, against = _OF_MATRICES[symmetry.group]
        return [Term(*pair, forwards if power > 0 else against) for pair, power in _pairs(given, symmetry)]
    along = _along_rotation if symmetry.group == "plane_rotation" else _along_scaling
    return [Term(*pair, along, power) for pair, power in _pairs(given, symmetry)]


def _lengths(given: Slopes, symmetry: Symmetry) -> list[Term]:
    """What each piece adds to the length of all directions together."""
    # every entry of a matrix moves one row by another, and of a skew one every pair of entries counts once
    of_matrix = {"general_linear": math.sqrt(symmetry.size), "orthogonal": math.sqrt(symmetry.size - 1)}
    factor = of_matrix.get(symmetry.group)
    return [
        Term(*pair, _length, abs(power) if factor is None else factor)
        for pair, power in _pairs(given, symmetry)
    ]


def _pairs(given: Slopes, symmetry: Symmetry) -> Iterator[tuple[Pair, float]]:
    """What reads each piece that a symmetry moves and the gradient there, and the power of the piece."""
    if symmetry.group != "translation":
        for piece, power in zip(*sides(symmetry), strict=True):
            yield given.pair(piece), power
        return
    for leg in symmetry.legs:
        if leg.kind == "parameter":
            yield (leg.parameter, partial(_shifts, given, leg, symmetry.size)), leg.powers[0]


def _shifts(given: Slopes, leg: Leg, size: int) -> tuple[Tensor, Tensor]:
    # shifting is like scaling weights that are all one
    gradient = _shifted(given.gradient(leg), leg, size)
    return gradient.new_ones(()).expand_as(gradient), gradient


def _shifted(piece: Tensor, leg: Leg, size: int) -> Tensor:
    """A piece as ``(1, size, rest)``, for a vector of the given size that is added to it."""
    order = [*leg.acts, *(dim for dim in range(piece.ndim) if dim not in leg.acts)]
    return piece.permute(order).reshape(1, size, -1)


def _share(steepness: Tensor, slopes: Tensor, directions: Tensor) -> Tensor:
    """The leak of several symmetries alike."""
    rows = (slopes / steepness).flatten(1, -2)
    return finite_or_nan(ratio(frobenius_norm(rows), directions))


def _along_scaling(weights: Tensor, gradients: Tensor) -> Tensor:
    """Slopes ``(symmetries, copies, n, 1)``."""
    slopes = (
        scaling_slopes([weight.flatten(FIRST)], [gradient.flatten(FIRST)], [1.0])
        for weight, gradient in parts(weights, gradients)
    )
    return reduce(torch.add, slopes).unsqueeze(-1)


def _along_rotation(weights: Tensor, gradients: Tensor) -> Tensor:
    """Slopes ``(symmetries, copies, planes, 1)``."""
    slopes = (_turning(*pair) for pair in parts(weights, gradients))
    return finite_or_nan(reduce(torch.add, slopes)).unsqueeze(-1)


def _turning(weights: Tensor, gradients: Tensor) -> Tensor:
    (x, along_x), (y, along_y) = (
        (weights[:, :, side::2].flatten(FIRST), gradients[:, :, side::2].flatten(FIRST)) for side in (0, 1)
    )
    return (x * along_y).sum(dim=-1) - (y * along_x).sum(dim=-1)


def _along_basis(weights: Tensor, gradients: Tensor, power: float = 1.0) -> Tensor:
    """Slopes ``(symmetries, copies, n, n)``."""
    return general_linear_slopes([weights.flatten(FIRST)], [gradients.flatten(FIRST)], [power])


def _against_basis(weights: Tensor, gradients: Tensor) -> Tensor:
    return _along_basis(weights, gradients, -1.0)


def _along_rotations(weights: Tensor, gradients: Tensor) -> Tensor:
    """Slopes ``(symmetries, copies, n, n)``; writers and readers move alike."""
    slopes = _along_basis(weights, gradients)
    return (slopes - slopes.mT) / math.sqrt(2)


def _length(weights: Tensor, _: Tensor) -> Tensor:
    """The norm of weights, ``(symmetries,)``."""
    return frobenius_norm(lengths_of_rows(weights))


_OF_MATRICES = {
    "general_linear": (_along_basis, _against_basis),
    "orthogonal": (_along_rotations, _along_rotations),
}
_CLOSED = {"positive_scaling", "scaling", "scale_invariance", "translation", "plane_rotation", *_OF_MATRICES}
