"""What is measured without eigenvalues of a space whose basis may be changed."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...functional._finite import ratio
from ...functional._gram import inner_products
from ...functional._norm import frobenius_norm
from ...functional.sketch import participation_of_projection, projection
from .breaking import basis_length
from .sketch import DIRECTIONS
from .weights import Weights


def basis_sketch(weights: Weights) -> dict[str, Tensor]:
    """Measure a space from the Gram matrices of its legs, or where it is wide from products with random ones.

    With q directions a wide space costs 8q operations for every weight; a narrow one, of n ≤ 2q dimensions,
    costs 2n and its values are exact.

    Args:
        weights: of spaces on which a general linear group acts.

    Returns:
        ``breaking_distance``, ``noether_imbalance`` and the ``participation_ratio`` of the product of readers
        and writers, ``(spaces,)`` each, means over the copies; without what lacks a side.
    """
    measure = _narrow if weights.make.size <= 2 * DIRECTIONS else _wide
    return basis_length(weights) | measure(weights)


def _narrow(weights: Weights) -> dict[str, Tensor]:
    make = weights.make
    # a common divisor of all weights, so that fourth powers neither overflow nor vanish
    grams = list(map(_gram, weights.legs))
    peak = torch.stack([gram.diagonal(dim1=-2, dim2=-1).amax(-1) for gram in grams]).amax(0)[..., None, None]
    grams = [gram / torch.where(peak > 0, peak, 1.0) for gram in grams]
    found = {}
    one, other = (_sum([grams[leg] for leg in side]) for side in (make.writers, make.readers))
    if one is not None and other is not None:
        product = one @ other
        trace = product.diagonal(dim1=-2, dim2=-1).sum(-1).square()
        found["participation_ratio"] = ratio(trace, (product * product.mT).sum((-2, -1))).mean(-1)
    moved, against = (_sum([grams[leg] for leg in side]) for side in _sides(weights))
    if moved is not None and against is not None:
        found["noether_imbalance"] = _imbalance(moved, against)
    return found


def _wide(weights: Weights) -> dict[str, Tensor]:
    make, like = weights.make, weights.legs[0].new_empty(0)
    found = {}
    if make.writers and make.readers:
        sketches = [leg @ _along(leg, seed) for seed, leg in enumerate(weights.of(make.writers))]
        written = torch.stack(sketches).sum(dim=0)
        through = torch.cat([leg.mT @ written for leg in weights.of(make.readers)], dim=-2)
        found["participation_ratio"] = participation_of_projection(through).mean(-1)
    probes = projection(make.size, DIRECTIONS, 0, like.dtype, like.device).mT
    images = [leg @ (leg.mT @ probes) for leg in weights.legs]
    moved, against = (_sum([images[leg] for leg in side]) for side in _sides(weights))
    if moved is not None and against is not None:
        found["noether_imbalance"] = _imbalance(moved, against)
    return found


def _gram(leg: Tensor) -> Tensor:
    return inner_products(leg, leg)


def _sides(weights: Weights) -> tuple[list[int], list[int]]:
    """The legs that a change of basis moves by g, and those that it moves against it."""
    signs = list(enumerate(weights.make.signs))
    return [leg for leg, sign in signs if sign > 0], [leg for leg, sign in signs if sign < 0]


def _imbalance(moved: Tensor, against: Tensor) -> Tensor:
    """‖A − B‖ / (‖A‖ + ‖B‖), from the Gram matrices A and B or from what they make of random vectors."""
    peak = torch.maximum(moved.abs().amax((-2, -1)), against.abs().amax((-2, -1)))[..., None, None]
    moved, against = (side / torch.where(peak > 0, peak, 1.0) for side in (moved, against))
    lengths = frobenius_norm(moved) + frobenius_norm(against)
    return ratio(frobenius_norm(moved - against), lengths).mean(-1)


def _along(leg: Tensor, seed: int) -> Tensor:
    return projection(leg.shape[-1], DIRECTIONS, seed, leg.dtype, leg.device).mT


def _sum(parts: Sequence[Tensor]) -> Tensor | None:
    return torch.stack(list(parts)).sum(dim=0) if parts else None
