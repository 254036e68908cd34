"""How far conserved charges are from balance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional import general_linear_imbalance, scaling_imbalance
from .measured import batched
from .ranks import side_by_side
from .reader import Reader
from .space import is_two_sided, sides
from .sums import Asking
from .weights import Weights


def balance(
    read: Reader, symmetries: Iterable[Symmetry], most: int | None = None
) -> Asking[dict[str, Tensor]]:
    """Measure the imbalance of two-sided scalings, means over the copies.

    Args:
        read: gives the weights.
        symmetries: all symmetries.
        most: how many units of each are enough, see :meth:`~.reader.Reader.norms`.

    Yields:
        Lengths.

    Returns:
        A scalar by the name of the symmetry.
    """
    moved = {symmetry.name: sides(symmetry) for symmetry in symmetries if is_two_sided(symmetry)}
    read.know((yield read.unknown((piece for pieces, _ in moved.values() for piece in pieces), most)))
    grouped: dict[tuple[float, ...], dict[str, list[Tensor]]] = defaultdict(dict)
    for name, (pieces, powers) in moved.items():
        grouped[tuple(powers)][name] = read.norms(pieces, most)
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
