"""How far conserved charges are from balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional import general_linear_imbalance, scaling_imbalance
from .measured import batched
from .ranks import side_by_side
from .space import Piece, is_two_sided, sides
from .weights import Weights


def balance(
    norms: Callable[[list[Piece]], list[Tensor]], symmetries: Iterable[Symmetry]
) -> dict[str, Tensor]:
    """Measure the imbalance of two-sided scalings, means over the copies.

    Args:
        norms: gives the lengths of the units in some pieces, or of a sample of the units.
        symmetries: all symmetries.

    Returns:
        A scalar by the name of the symmetry.
    """
    grouped: dict[tuple[float, ...], dict[str, list[Tensor]]] = defaultdict(dict)
    for symmetry in symmetries:
        if is_two_sided(symmetry):
            pieces, powers = sides(symmetry)
            grouped[tuple(powers)][symmetry.name] = norms(pieces)
    found: dict[str, Tensor] = {}
    for alike, named in grouped.items():
        found |= batched(lambda *rows, powers=alike: scaling_imbalance(rows, powers).mean(-1), named.items())
    return found


def basis_balance(weights: Weights) -> dict[str, Tensor]:
    """Measure the imbalance of what a change of basis moves by g, and what it moves against it.

    Args:
        weights: of spaces on which a general linear group acts.

    Returns:
        ``noether_imbalance``, the mean over the copies; nothing if a side is missing.
    """
    moved: list[Tensor] = []
    against: list[Tensor] = []
    for leg, sign in enumerate(weights.make.signs):
        (moved if sign > 0 else against).append(weights.legs[leg])
    if not moved or not against:
        return {}
    return {
        "noether_imbalance": general_linear_imbalance(side_by_side(moved), side_by_side(against)).mean(-1)
    }
