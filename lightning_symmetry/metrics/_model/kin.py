"""Spaces of one make, which are measured together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import prod
from operator import attrgetter

from ...functional._alike import Modulo
from .space import Piece, Space, place, places_and_powers, width

Shape = tuple[int, int, int]
"""Of one leg: copies, units, coordinates of a unit."""


@dataclass(frozen=True)
class Make:
    """What spaces have in common that are measured together.

    Attributes:
        group: The group that moves the units.
        shapes: Of every leg.
        writers: Which legs are matrices that write the space.
        readers: Which are matrices that read it.
        compared: Which tell units apart.
        modulo: The group up to which they do.
        powers: For every leg, the power with which each scaling of the space multiplies it.
        diagonal: Whether scalings or signs act on the units.
        signs: For every leg, whether the group itself moves it forwards or against.
    """

    group: str
    shapes: tuple[Shape, ...]
    writers: tuple[int, ...]
    readers: tuple[int, ...]
    compared: tuple[int, ...]
    modulo: Modulo
    powers: tuple[tuple[float, ...], ...]
    diagonal: bool
    signs: tuple[float, ...]

    @property
    def by_directions(self) -> bool:
        """Whether several legs tell units apart whose scales cannot be compared."""
        return self.modulo == "nothing" and self.diagonal and len(self.compared) > 1

    @property
    def size(self) -> int:
        """How many units a copy of the space has."""
        return self.shapes[0][1]

    @property
    def units(self) -> int:
        """How many units all copies of the space have."""
        return self.shapes[0][0] * self.size

    @property
    def numbers(self) -> int:
        """How many weights a space has."""
        return sum(map(prod, self.shapes))

    def scales(self, leg: int) -> bool:
        """Whether a scaling of the space multiplies a leg."""
        return any(self.powers[leg])

    def width(self, legs: Iterable[int]) -> int:
        """How many coordinates of a unit some legs hold."""
        return sum(self.shapes[leg][2] for leg in legs)


@dataclass(frozen=True)
class Kin:
    """Spaces of one make.

    Attributes:
        make: What they have in common.
        names: Their names.
        legs: For every leg, the piece of each space.
    """

    make: Make
    names: tuple[str, ...]
    legs: tuple[tuple[Piece, ...], ...]


def kin(
    spaces: Iterable[Space], most: int, numbers: Callable[[Make], int] = attrgetter("numbers")
) -> list[Kin]:
    """Put spaces of one make together.

    Args:
        spaces: Any.
        most: How many numbers those that are put together may have.
        numbers: Says how many a space has; its weights by default.

    Returns:
        The spaces, each once.
    """
    alike: dict[Make, list[Space]] = defaultdict(list)
    for space in spaces:
        alike[_make(space)].append(space)
    found = []
    for make, members in alike.items():
        count = max(1, most // numbers(make))
        for start in range(0, len(members), count):
            some = members[start : start + count]
            legs = tuple(zip(*(space.legs() for space in some), strict=True))
            found.append(Kin(make, tuple(space.mover.name for space in some), legs))
    return found


def _make(space: Space) -> Make:
    legs = space.legs()
    compared, modulo = space.incoming()
    scalings = [s for s in space.diagonal if s.group in {"positive_scaling", "scaling"}]
    known = [places_and_powers(scaling) for scaling in scalings]
    signs = tuple(leg.powers[act] for leg, act in legs)
    writers, readers = _positions(space.writers(), legs), _positions(space.readers(), legs)
    if (
        space.mover.group == "general_linear"
    ):  # what g moves and what its inverse moves, however it is written
        matrices = [i for i, (leg, act) in enumerate(legs) if width(leg, act) > 1]
        writers = tuple(i for i in matrices if signs[i] > 0)
        readers = tuple(i for i in matrices if signs[i] < 0)
    return Make(
        space.mover.group,
        tuple(_shape(piece) for piece in legs),
        writers,
        readers,
        _positions(compared, legs),
        modulo,
        tuple(tuple(powers.get(place(*piece), 0.0) for powers in known) for piece in legs),
        bool(space.diagonal),
        signs,
    )


def _positions(some: Iterable[Piece], legs: list[Piece]) -> tuple[int, ...]:
    return tuple(legs.index(piece) for piece in some)


def _shape(piece: Piece) -> Shape:
    leg, act = piece
    size, copies = leg.sizes[leg.acts[act]], prod(leg.sizes[d] for d in leg.copies)
    return copies, size, prod(leg.sizes) // (size * copies)
