"""How to see the units of one index space, and what to compare them modulo."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ...discovery.leg import Leg
from ...discovery.symmetry import Symmetry
from ...functional._alike import Modulo

Piece = tuple[Leg, int]
"""A leg, and which of its acting dimensions."""

Place = tuple[str, tuple[int, ...], tuple[int, int, int]]
"""A parameter, where its piece starts, and the atom that runs over the units."""


@dataclass(frozen=True)
class Space:
    """An index space: the symmetry that moves its units around, and the diagonal groups on the same units."""

    mover: Symmetry
    diagonal: tuple[Symmetry, ...]

    def legs(self) -> list[Piece]:
        """The parameters' pieces that belong to a unit, each with the acting dimension."""
        return pieces(self.mover)

    def writers(self) -> list[Piece]:
        """The matrices that write the space; one number a unit (a bias, a gain) spans no direction."""
        return [(leg, act) for leg, act in self.legs() if leg.roles[act] == "writes" and width(leg, act) > 1]

    def readers(self) -> list[Piece]:
        """The matrices that read the space."""
        return [(leg, act) for leg, act in self.legs() if leg.roles[act] == "reads" and width(leg, act) > 1]

    def incoming(self) -> tuple[list[Piece], Modulo]:
        """What tells units apart, and the group modulo which it does.

        Without a diagonal group that is everything a unit writes and reads. With one it is what writes the
        unit, together with what moves along (a bias), modulo that group.

        Returns:
            Pieces, and the name of the group.
        """
        writers = self.writers() or [(leg, act) for leg, act in self.legs() if leg.roles[act] == "writes"][:1]
        if not writers or not self.diagonal:
            return self.legs(), "nothing"
        if len(writers) > 1:
            return writers, "nothing"
        first = place(*writers[0])
        acting = [s for s in self.diagonal if first in places(s)]
        groups = {s.group for s in acting}
        if not groups:
            return writers, "nothing"
        along = [
            (leg, act)
            for leg, act in self.legs()
            if leg.roles[act] == "writes" and all(place(leg, act) in places(s) for s in acting)
        ]
        scales = not groups.isdisjoint({"positive_scaling", "scaling"})
        flips = not groups.isdisjoint({"sign", "scaling"})
        return along, "scaling" if scales and flips else "positive_scaling" if scales else "sign"


def spaces(symmetries: Iterable[Symmetry]) -> list[Space]:
    """Collect the spaces whose units a permutation or a change of basis moves around."""
    symmetries = list(symmetries)
    diagonal = [s for s in symmetries if s.group in {"sign", "positive_scaling", "scaling"}]
    movers = [s for s in symmetries if _moves_units(s) and pieces(s)]
    return [Space(m, tuple(s for s in diagonal if _same_units(s, m))) for m in movers]


def _moves_units(symmetry: Symmetry) -> bool:
    """Whether a group acts on the units as they are: not through gains, and not beside their mean."""
    plain = not symmetry.centred and not any(leg.frames for leg in symmetry.legs)
    return plain and symmetry.group in {"permutation", "general_linear"}


def is_two_sided(symmetry: Symmetry) -> bool:
    """Whether a scaling multiplies some parameters and divides others."""
    signs = {
        power > 0
        for leg in symmetry.legs
        if leg.kind == "parameter" and not leg.additive
        for power in leg.powers
    }
    return symmetry.group in {"positive_scaling", "scaling"} and len(signs) == 2


def sides(symmetry: Symmetry) -> tuple[list[Piece], list[float]]:
    """The pieces of a scaling and the power of each."""
    moved = pieces(symmetry)
    return moved, [leg.powers[act] for leg, act in moved]


def pieces(symmetry: Symmetry) -> list[Piece]:
    """The pieces of parameters that a symmetry acts on, each with the acting dimension."""
    return [
        (leg, act)
        for leg in symmetry.legs
        if leg.kind == "parameter" and not leg.additive
        for act in range(len(leg.acts))
    ]


def _same_units(one: Symmetry, other: Symmetry) -> bool:
    alike = (one.size, one.copies) == (other.size, other.copies)
    return alike and not places(one).isdisjoint(places(other))


def places(symmetry: Symmetry) -> set[Place]:
    """Where a symmetry acts."""
    return {place(leg, act) for leg, act in pieces(symmetry)}


def places_and_powers(symmetry: Symmetry) -> dict[Place, float]:
    """Where a diagonal symmetry acts, with the power of each piece."""
    return {place(leg, act): leg.powers[act] for leg, act in pieces(symmetry)}


def place(leg: Leg, act: int) -> Place:
    """Where a leg is acted on: what several symmetries of the same units have in common."""
    return leg.parameter, leg.offset, leg.atoms[leg.acts[act]]


def width(leg: Leg, act: int) -> int:
    """How many coordinates a unit has in a piece."""
    count = 1
    for i, size in enumerate(leg.sizes):
        if i != leg.acts[act] and i not in leg.copies:
            count *= size
    return count
