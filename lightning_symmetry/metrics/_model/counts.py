"""How many units are dead, duplicates or distinct, and how much of the permutations is unbroken."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from ...functional._alike import count_alike, criterion
from ...functional._clusters import Clusters, gathered, living_units
from ...functional._lower_products import lower_products
from .fresh import mapped
from .weights import Weights

THRESHOLD = 0.1
"""Relative squared distance under which two units are the same (arXiv 2306.04251)."""


def counts(weights: Weights) -> dict[str, Tensor]:
    """Compare the units of every space with each other, once for all counts.

    Args:
        weights: of spaces whose units trade places.

    Returns:
        ``dead_units``, ``duplicate_units``, ``distinct_units`` and ``unbroken``, ``(spaces,)`` each.
    """
    make, size = weights.make, weights.sizes
    legs, norms = compared(weights)
    known = weights.written
    if known is not None:
        legs = weights.of(leg for leg in make.compared if leg not in make.writers)
    alive = living_units(size, norms)
    when = criterion(norms, alive, THRESHOLD, make.modulo)
    return counted(
        gathered(count_alike(lower_products(legs, when.factors, known), when), alive, norms + size)
    )


def compared(weights: Weights) -> tuple[Sequence[Tensor], Tensor]:
    """Collect what tells units apart.

    Args:
        weights: of spaces whose units trade places.

    Returns:
        Legs ``(spaces, copies, n, k)``, and the length of each unit in all of them; where several writers
        have scales that cannot be compared, each row of theirs has length one.
    """
    legs, norms = weights.of(weights.make.compared), weights.joint_norms(weights.make.compared)
    if not weights.make.by_directions:
        return legs, norms
    own = [weights.norms[leg] for leg in weights.make.compared]
    return mapped(_directions, legs, own), torch.stack([norm.sign() for norm in own]).sum(dim=0).sqrt()


def counted(found: Clusters) -> dict[str, Tensor]:
    """Count all copies together.

    Args:
        found: clusters ``(spaces, copies, n)``.

    Returns:
        As :func:`counts`.
    """
    distinct, order = found.distinct(), found.log_order().sum(-1)
    copies, size = found.alive.shape[-2:]
    return {
        "dead_units": found.dead().sum(-1),
        "duplicate_units": (found.living() - distinct).sum(-1),
        "distinct_units": distinct.sum(-1),
        "unbroken": order / (copies * math.lgamma(size + 1) or 1.0),
    }


def _directions(leg: Tensor, norms: Tensor) -> Tensor:
    return leg / torch.where(norms == 0, 1.0, norms).unsqueeze(-1)
