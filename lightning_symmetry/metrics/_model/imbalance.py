"""How far conserved charges are from balance."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional import general_linear_imbalance, scaling_imbalance
from .measured import Measured, batched, total
from .reader import Reader
from .space import Space, is_two_sided, sides


def imbalances(read: Reader, spaces: Iterable[Space], symmetries: Iterable[Symmetry]) -> Measured:
    """Measure the imbalance of two-sided scalings and of general linear groups, means over the copies.

    Args:
        read: gives the weights.
        spaces: all spaces.
        symmetries: all symmetries.

    Returns:
        ``noether_imbalance``; the model's is the mean.
    """
    values: dict[str, Tensor] = {}
    for symmetry in symmetries:
        if is_two_sided(symmetry):
            pieces, powers = sides(symmetry)
            values[symmetry.name] = scaling_imbalance(read.norms(pieces), powers).mean()
    products = {}
    for space in spaces:
        if space.mover.group == "general_linear":
            both = [torch.cat(side, -1) for side in _two_sides(read, space) if side]
            if len(both) == 2:
                products[space.mover.name] = both
    values |= batched(lambda one, other: general_linear_imbalance(one, other).mean(-1), products)
    return total(values, torch.mean)


def _two_sides(read: Reader, space: Space) -> tuple[list[Tensor], list[Tensor]]:
    """The weights that a change of basis moves by g, and those that it moves against it."""
    moved, powers = sides(space.mover)
    blocks = list(zip(read(moved), powers, strict=True))
    return [block for block, power in blocks if power > 0], [block for block, power in blocks if power < 0]
