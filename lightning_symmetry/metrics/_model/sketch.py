"""The weights of some kin in a few random directions, for little more than one read of the weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property

import torch
from torch import Tensor

from ...functional.sketch import projected
from .kin import Kin, Make
from .reader import Reader
from .space import Piece
from .weights import Weights

DIRECTIONS = 32
"""Onto which the weights of a unit are projected: the standard deviation of its length is 12.5 %."""

Kind = tuple[object, ...]
"""What legs have in common whose projections are added up."""


class SketchedWeights(Weights):
    """Weights of spaces of one make, projected onto random directions.

    Legs on which all scalings act alike, and which are compared alike, are added up as one: each has
    directions of its own. So there are few legs, and all have 32 coordinates.

    Args:
        kin: The spaces.
        read: Gives the weights.
    """

    def __init__(self, kin: Kin, read: Reader) -> None:
        kinds: dict[Kind, list[int]] = defaultdict(list)
        for leg in range(len(kin.legs)):
            kinds[_kind(kin.make, leg)].append(leg)
        self.make = _joined(kin.make, list(kinds.values()))
        self.legs = [
            torch.stack([_projected((kin.legs[leg][i] for leg in legs), read) for i in range(len(kin.names))])
            for legs in kinds.values()
        ]

    @cached_property
    def norms(self) -> list[Tensor]:
        """Estimates of the length of every unit in each leg, ``(spaces, copies, n)``."""
        return [torch.linalg.vector_norm(leg, dim=-1) for leg in self.legs]


def _kind(make: Make, leg: int) -> Kind:
    apart = leg if make.by_directions and leg in make.compared else None
    return make.powers[leg], leg in make.writers, leg in make.compared, apart


def _joined(make: Make, kinds: list[list[int]]) -> Make:
    """The make of legs that were added up."""
    copies, size, _ = make.shapes[0]

    def those(legs: Iterable[int]) -> tuple[int, ...]:
        return tuple(i for i, kind in enumerate(kinds) if kind[0] in legs)

    return replace(
        make,
        shapes=((copies, size, DIRECTIONS),) * len(kinds),
        writers=those(make.writers),
        readers=those(make.readers),
        compared=those(make.compared),
        powers=tuple(make.powers[kind[0]] for kind in kinds),
        signs=tuple(make.signs[kind[0]] for kind in kinds),
    )


def sketched(read: Reader, piece: Piece, seed: int) -> Tensor:
    """Project a piece.

    Args:
        read: Gives the weights.
        piece: Of a parameter.
        seed: Of the directions.

    Returns:
        Tensor ``(copies, size, directions)``.
    """
    units = read.unflattened(piece)
    return projected(units.to(torch.promote_types(units.dtype, torch.float32)), DIRECTIONS, seed)


def _projected(pieces: Iterable[Piece], read: Reader) -> Tensor:
    """The sum of the projections of some pieces, ``(copies, size, directions)``."""
    total: Tensor | None = None
    for seed, piece in enumerate(pieces):
        part = sketched(read, piece, seed)
        total = part if total is None else total.add_(part)
    assert total is not None
    return total
