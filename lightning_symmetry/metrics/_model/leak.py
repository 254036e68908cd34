"""Whether the loss has a slope along the orbits of its symmetries, in closed form where there is one."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, combinations

import torch
from torch import Tensor

from ...discovery.leg import Leg
from ...discovery.symmetry import Symmetry
from ...functional import general_linear_slopes, scaling_slopes
from ...functional._finite import finite_or_nan, ratio
from ...functional._norm import frobenius_norm
from .measured import Measured, batched
from .slopes import Slopes
from .space import sides

Slope = Callable[[Sequence[Tensor], Sequence[Tensor], Sequence[float]], tuple[Tensor, Tensor]]
"""Slopes along all directions, and the length of all directions together, from weights and gradients."""


def leaks(given: Slopes, symmetries: Iterable[Symmetry]) -> Measured:
    """Measure ‖⟨Xθ, ∇L⟩‖ / (‖Xθ‖ ‖∇L‖) of the symmetries for which :func:`has_closed_form` holds.

    Args:
        given: weights and gradients.
        symmetries: all symmetries.

    Returns:
        ``orbit_leak``; the model's is the largest of those that hold exactly. Symmetries are left out where
        a gradient is missing: along the rest of an orbit the loss may well have a slope.
    """
    alike: dict[tuple[str, tuple[float, ...]], list[Symmetry]] = defaultdict(list)
    for symmetry in symmetries:
        moved = {leg.parameter for leg in symmetry.legs if leg.kind == "parameter"}
        if has_closed_form(symmetry) and given.have(moved):
            alike[symmetry.group, tuple(_powers(symmetry))].append(symmetry)
    each: dict[str, Tensor] = {}
    steepness = given.steepness()
    for (group, powers), some in alike.items():
        if given.is_sharded:
            each |= {s.name: _leak_of_one(given, s, _SLOPES[group], powers, steepness) for s in some}
        else:
            leak = partial(_leak, _SLOPES[group], powers, steepness)
            each |= batched(leak, ((s.name, [*chain.from_iterable(_pairs(given, s))]) for s in some))
    exact = {symmetry.name for some in alike.values() for symmetry in some if symmetry.holds == "exactly"}
    certain = [leak for name, leak in each.items() if name in exact]
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
    plain = symmetry.group in _SLOPES and not symmetry.centred and symmetry.holds != "in distribution"
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


def _powers(symmetry: Symmetry) -> list[float]:
    if symmetry.group != "translation":
        return sides(symmetry)[1]
    return [leg.powers[0] for leg in symmetry.legs if leg.kind == "parameter"]


def _pairs(given: Slopes, symmetry: Symmetry) -> Iterator[tuple[Tensor, Tensor]]:
    """Each piece that a symmetry moves, and the gradient there."""
    if symmetry.group != "translation":
        return given.pairs(sides(symmetry)[0])
    legs = (leg for leg in symmetry.legs if leg.kind == "parameter")
    return (_shifts(_shifted(given.gradient(leg), leg, symmetry.size)) for leg in legs)


def _shifts(gradient: Tensor) -> tuple[Tensor, Tensor]:
    # shifting is like scaling weights that are all one
    return gradient.new_ones(()).expand_as(gradient), gradient


def _shifted(piece: Tensor, leg: Leg, size: int) -> Tensor:
    """A piece as ``(1, size, rest)``, for a vector of the given size that is added to it."""
    order = [*leg.acts, *(dim for dim in range(piece.ndim) if dim not in leg.acts)]
    return piece.permute(order).reshape(1, size, -1)


def _leak(slope: Slope, powers: Sequence[float], steepness: Tensor, *blocks: Tensor) -> Tensor:
    """The leak of several symmetries alike, from weights and gradients ``(symmetries, copies, n, k)``."""
    slopes, directions = slope(blocks[::2], blocks[1::2], powers)
    return _share(slopes, directions, steepness)


def _leak_of_one(
    given: Slopes, symmetry: Symmetry, slope: Slope, powers: Sequence[float], steepness: Tensor
) -> Tensor:
    """The leak of a symmetry, one piece after the other: slopes add up, and so do squares of lengths."""
    slopes: Tensor | None = None
    lengths = []
    for power, pair in zip(powers, _pairs(given, symmetry), strict=True):
        weights, gradient = (tensor.unsqueeze(0) for tensor in pair)
        along, length = slope([weights], [gradient], [power])
        slopes = along if slopes is None else slopes + along
        lengths.append(length)
        del weights, gradient, pair
    assert slopes is not None
    return _share(slopes, torch.linalg.vector_norm(torch.stack(lengths), dim=0), steepness).squeeze(0)


def _share(slopes: Tensor, directions: Tensor, steepness: Tensor) -> Tensor:
    return finite_or_nan(ratio(_norm(slopes / steepness), directions))


def _of_diagonal(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], powers: Sequence[float]
) -> tuple[Tensor, Tensor]:
    return scaling_slopes(weights, gradients, powers), _joined(weights, powers)


def _of_general_linear(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], powers: Sequence[float]
) -> tuple[Tensor, Tensor]:
    # every entry of the matrix moves one row by another
    size = weights[0].shape[-2]
    return general_linear_slopes(weights, gradients, powers), math.sqrt(size) * _joined(weights)


def _of_orthogonal(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], powers: Sequence[float]
) -> tuple[Tensor, Tensor]:
    # writers and readers move alike, and every pair of entries counts once
    size, slopes = weights[0].shape[-2], general_linear_slopes(weights, gradients, [1.0] * len(powers))
    return (slopes - slopes.mT) / math.sqrt(2), math.sqrt(size - 1) * _joined(weights)


def _of_plane_rotation(
    weights: Sequence[Tensor], gradients: Sequence[Tensor], powers: Sequence[float]
) -> tuple[Tensor, Tensor]:
    planes = [weight.reshape(*weight.shape[:2], -1, 2, weight.shape[-1]) for weight in weights]
    turned = [torch.stack([-plane[..., 1, :], plane[..., 0, :]], dim=-2).flatten(2, 3) for plane in planes]
    slopes = scaling_slopes(turned, gradients, powers)
    return slopes[..., ::2] + slopes[..., 1::2], _joined(weights, powers)


def _joined(weights: Sequence[Tensor], powers: Sequence[float] = ()) -> Tensor:
    """The norm of all weights of a symmetry, each multiplied by its power if there are any."""
    factors = [abs(power) for power in powers] or [1.0] * len(weights)
    norms = [factor * _norm(weight) for factor, weight in zip(factors, weights, strict=True)]
    joined: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return joined


def _norm(tensor: Tensor) -> Tensor:
    precise = tensor.to(torch.promote_types(tensor.dtype, torch.float32))
    return frobenius_norm(
        precise.flatten(1, -2) if precise.ndim > 3 else precise.reshape(len(precise), 1, -1)
    )


_SLOPES: dict[str, Slope] = {
    "positive_scaling": _of_diagonal,
    "scaling": _of_diagonal,
    "scale_invariance": _of_diagonal,
    "translation": _of_diagonal,
    "general_linear": _of_general_linear,
    "orthogonal": _of_orthogonal,
    "plane_rotation": _of_plane_rotation,
}
