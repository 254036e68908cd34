"""How many units are dead, duplicates or distinct, and how much of the permutations is unbroken."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from ...functional._clusters import Clusters, Modulo, clusters
from .gauge import sizes
from .measured import Measured, batched, total
from .reader import Reader
from .space import Space, directions

Compare = Callable[[Tensor, Tensor, Modulo], Clusters]
"""Finds clusters of units, given their rows, their sizes and the group up to which they are compared."""


def exactly(rows: Tensor, size: Tensor, modulo: Modulo) -> Clusters:
    """Compare all pairs of units."""
    return clusters(rows, modulo=modulo, sizes=size)


def side_by_side(blocks: Sequence[Tensor]) -> Tensor:
    """Put all that a unit consists of into one row."""
    return torch.cat(list(blocks), -1)


def counts(
    read: Reader,
    permuted: Iterable[Space],
    compare: Compare = exactly,
    join: Callable[[Sequence[Tensor]], Tensor] = side_by_side,
) -> dict[str, Measured]:
    """Compare the units of every space whose units trade places, once for all counts.

    Args:
        read: gives the weights.
        permuted: the spaces.
        compare: how to compare the units.
        join: how to make one row of all that a unit consists of.

    Returns:
        ``dead_units``, ``duplicate_units``, ``distinct_units`` and ``unbroken``.
    """
    inputs: dict[Modulo, dict[str, list[Tensor]]] = defaultdict(dict)
    orders: dict[str, float] = {}
    for space in permuted:
        pieces, modulo = space.incoming()
        blocks = read(pieces)
        if space.diagonal and modulo == "nothing":
            blocks = directions(blocks)
        inputs[modulo][space.mover.name] = [join(blocks), sizes(read, space)]
        orders[space.mover.name] = space.mover.copies * math.lgamma(space.mover.size + 1)
    found: dict[str, Tensor] = {}
    for modulo, spaces in inputs.items():
        found |= batched(lambda rows, size, modulo=modulo: _counted(compare(rows, size, modulo)), spaces)
    found = {name: found[name] for name in orders}
    dead, living, distinct, order = ({k: v[i] for k, v in found.items()} for i in range(4))
    each = {name: value / (orders[name] or 1.0) for name, value in order.items()}
    whole = torch.stack(list(order.values())).sum() / (sum(orders.values()) or 1.0) if order else None
    return {
        "dead_units": total(dead, torch.sum),
        "duplicate_units": total({name: living[name] - distinct[name] for name in living}, torch.sum),
        "distinct_units": total(distinct, torch.sum),
        "unbroken": Measured(each, whole),
    }


def _counted(found: Clusters) -> Tensor:
    """Dead, living and distinct units and the log-order of the stabiliser, of all copies: ``(..., 4)``."""
    return torch.stack([found.dead(), found.living(), found.distinct(), found.log_order()], -1).sum(-2)
