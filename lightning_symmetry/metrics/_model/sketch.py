"""The weights of some kin in a few random directions, for little more than one read of the weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property, partial

import torch
from torch import Tensor

from ...functional.sketch import projected
from .kin import Kin, Make
from .measured import stacked
from .reader import Reader
from .sums import Asking, Sum
from .weights import Weights

DIRECTIONS = 32
"""Onto which the weights of a unit are projected: the standard deviation of its length is 12.5 %."""

Kind = tuple[object, ...]
"""What legs have in common whose projections are added up."""


class SketchedWeights(Weights):
    """Weights of spaces of one make, projected onto random directions.

    Args:
        make: What the spaces have in common.
        legs: The projections, ``(spaces, copies, n, directions)``.
    """

    def __init__(self, make: Make, legs: Sequence[Tensor]) -> None:
        self.make, self.legs = make, legs

    @cached_property
    def norms(self) -> list[Tensor]:
        """Estimates of the length of every unit in each leg, ``(spaces, copies, n)``."""
        return [torch.linalg.vector_norm(leg, dim=-1) for leg in self.legs]


def sketch(kin: Kin, read: Reader) -> Asking[SketchedWeights]:
    """Project spaces of one make.

    Legs on which all scalings act alike, and which are compared alike, are added up as one: each has
    directions of its own. So there are few legs, and all have 32 coordinates.

    Args:
        kin: The spaces.
        read: Gives the weights.

    Yields:
        Sums of projections.

    Returns:
        The projections.
    """
    kinds: dict[Kind, list[int]] = defaultdict(list)
    for leg in range(len(kin.legs)):
        kinds[_kind(kin.make, leg)].append(leg)
    found = yield {
        (kind, space): Sum(
            [read.term(kin.legs[leg][space], partial(sketched, seed)) for seed, leg in enumerate(legs)]
        )
        for kind, legs in kinds.items()
        for space in range(len(kin.names))
    }
    projections = [stacked([found.pop((kind, space)) for space in range(len(kin.names))]) for kind in kinds]
    return SketchedWeights(_joined(kin.make, list(kinds.values())), projections)


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


def sketched(seed: int, pieces: Tensor) -> Tensor:
    """Project pieces.

    Args:
        seed: Of the directions.
        pieces: Of parameters, ``(pieces, copies, size, ...)``.

    Returns:
        Tensor ``(pieces, copies, size, directions)``.
    """
    precise = pieces.to(torch.promote_types(pieces.dtype, torch.float32))
    return torch.stack([projected(piece, DIRECTIONS, seed) for piece in precise])
