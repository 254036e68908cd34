"""How to see the units of one index space, and what to compare them modulo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..discovery.leg import Leg
from ..discovery.symmetry import Symmetry
from ..functional.units import Modulo

Place = tuple[str, tuple[int, ...], tuple[int, int, int]]
"""A parameter, where its piece starts, and the atom that runs over the units."""


@dataclass(frozen=True)
class Space:
    """An index space: the symmetry that moves its units around, and the diagonal groups on the same units."""

    mover: Symmetry
    diagonal: tuple[Symmetry, ...]

    def legs(self) -> list[tuple[Leg, int]]:
        """The parameters' pieces that belong to a unit, each with the acting dimension."""
        return _pieces(self.mover)

    def writers(self) -> list[tuple[Leg, int]]:
        """The matrices that write the space; one number a unit (a bias, a gain) spans no direction."""
        return [(leg, act) for leg, act in self.legs() if leg.roles[act] == "writes" and _width(leg, act) > 1]

    def readers(self) -> list[tuple[Leg, int]]:
        """The matrices that read the space."""
        return [(leg, act) for leg, act in self.legs() if leg.roles[act] == "reads" and _width(leg, act) > 1]

    def compensated(self) -> list[Symmetry]:
        """The scalings that take from one leg what they give to another."""
        return [s for s in self.diagonal if is_two_sided(s)]

    def incoming(self) -> tuple[list[tuple[Leg, int]], Modulo]:
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
        first = _place(*writers[0])
        acting = [s for s in self.diagonal if first in _places(s)]
        groups = {s.group for s in acting}
        if not groups:
            return writers, "nothing"
        along = [
            (leg, act)
            for leg, act in self.legs()
            if leg.roles[act] == "writes" and all(_place(leg, act) in _places(s) for s in acting)
        ]
        scales = not groups.isdisjoint({"positive_scaling", "scaling"})
        flips = not groups.isdisjoint({"sign", "scaling"})
        return along, "scaling" if scales and flips else "positive_scaling" if scales else "sign"


def spaces(symmetries: Iterable[Symmetry]) -> list[Space]:
    """Collect the spaces whose units a permutation or a change of basis moves around."""
    symmetries = list(symmetries)
    diagonal = [s for s in symmetries if s.group in {"sign", "positive_scaling", "scaling"}]
    movers = [s for s in symmetries if _moves_units(s) and _pieces(s)]
    return [Space(m, tuple(s for s in diagonal if _same_units(s, m))) for m in movers]


def _moves_units(symmetry: Symmetry) -> bool:
    """Whether a group acts on the units as they are: not through gains, and not beside their mean."""
    plain = not symmetry.centred and not any(leg.frames for leg in symmetry.legs)
    return plain and symmetry.group in {"permutation", "general_linear"}


class Reader:
    """Arranges pieces of parameters as ``(copies, size, rest)``, each once however often it is asked for."""

    def __init__(self, params: Mapping[str, Tensor]) -> None:
        self._params = params
        self._seen: dict[tuple[int, int], Tensor] = {}

    def __call__(self, pieces: Iterable[tuple[Leg, int]]) -> list[Tensor]:
        """Return the pieces, detached."""
        return [self._units(leg, act) for leg, act in pieces]

    def _units(self, leg: Leg, act: int) -> Tensor:
        key = (id(leg), act)
        if key not in self._seen:
            units = leg.units(leg.of(self._params[leg.parameter].detach()), act)
            self._seen[key] = units + leg.about if leg.about else units
        return self._seen[key]


def is_two_sided(symmetry: Symmetry) -> bool:
    """Whether a scaling multiplies some parameters and divides others."""
    signs = {
        power > 0
        for leg in symmetry.legs
        if leg.kind == "parameter" and not leg.additive
        for power in leg.powers
    }
    return symmetry.group in {"positive_scaling", "scaling"} and len(signs) == 2


def sides(symmetry: Symmetry) -> tuple[list[tuple[Leg, int]], list[float]]:
    """The pieces of a scaling and the power of each."""
    pieces = _pieces(symmetry)
    return pieces, [leg.powers[act] for leg, act in pieces]


def _pieces(symmetry: Symmetry) -> list[tuple[Leg, int]]:
    return [
        (leg, act)
        for leg in symmetry.legs
        if leg.kind == "parameter" and not leg.additive
        for act in range(len(leg.acts))
    ]


def _same_units(one: Symmetry, other: Symmetry) -> bool:
    alike = (one.size, one.copies) == (other.size, other.copies)
    return alike and not _places(one).isdisjoint(_places(other))


def _places(symmetry: Symmetry) -> set[Place]:
    return {_place(leg, act) for leg, act in _pieces(symmetry)}


def _place(leg: Leg, act: int) -> Place:
    return leg.parameter, leg.offset, leg.atoms[leg.acts[act]]


def _width(leg: Leg, act: int) -> int:
    width = 1
    for i, size in enumerate(leg.sizes):
        if i != leg.acts[act] and i not in leg.copies:
            width *= size
    return width


def directions(blocks: list[Tensor]) -> Tensor:
    """Put the rows of several writers side by side, each of length one: their scales cannot be compared."""
    if len(blocks) == 1:
        return blocks[0]
    return torch.cat([torch.nn.functional.normalize(block, dim=-1) for block in blocks], dim=-1)
