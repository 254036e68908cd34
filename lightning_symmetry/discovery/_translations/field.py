"""A shift that is constant along some axes and arbitrary along the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import prod
from typing import NamedTuple

from .._solving.constants import Frame, FrozenFrame
from .._solving.legs import leg_of
from .._solving.spelling import link
from .._steps.lower import Block, Key, Slot
from ..leg import Leg
from ..symmetry import Symmetry

Along = Mapping[Key, Frame]
"""The axes along which a shift is constant times a frame; it is arbitrary along the others."""


Places = frozenset[tuple[int, FrozenFrame]]
"""The same, axes being positions in a block."""


class Field(NamedTuple):
    """One shift of all given pieces of a tensor, each with the places along which it is constant."""

    pieces: tuple[tuple[Block, Places], ...]

    @property
    def blocks(self) -> list[Block]:
        """What is shifted."""
        return [block for block, _ in self.pieces]

    def at(self, slot: Slot) -> dict[Key, Frame]:
        """The axes along which the shift of a step's block is constant, as the step calls them."""
        key = {position: key for key, position in slot.keys.items()}
        return {key[position]: dict(frame) for position, frame in dict(self.pieces)[slot.block]}


def field(slot: Slot, along: Along) -> Field:
    """A shift of a step's block."""
    places = ((slot.keys[k], frozenset(frame.items())) for k, frame in along.items() if k in slot.keys)
    return Field(((slot.block, frozenset(places)),))


def together(fields: Iterable[Field]) -> Field:
    """The same shift of several pieces as one."""
    places: dict[Block, Places] = {}
    for block, along in (piece for shift in fields for piece in shift.pieces):
        places[block] = places.get(block, along) & along
    return Field(tuple(sorted(places.items(), key=lambda piece: piece[0].variable)))


def symmetry(shift: Field) -> Symmetry:
    """The translation by a shift."""
    legs = tuple(_leg(block, along) for block, along in shift.pieces)
    block, along = shift.pieces[0]
    shape = tuple(block.sizes[i] for i in _free(block, along))
    return Symmetry("", "translation", prod(shape), 1, legs, "exactly", shape or (1,))


def _free(block: Block, along: Places) -> tuple[int, ...]:
    constant = {position for position, _ in along}
    return tuple(i for i in range(len(block.sizes)) if i not in constant)


def _leg(block: Block, along: Places) -> Leg:
    free = _free(block, along)
    gains = [(gain, exponent, (i,)) for i, frame in along for gain, exponent in frame]
    acts = tuple(sorted({*free, *(i for _, _, (i,) in gains)})) or (len(block.sizes),)
    chain = (link(gains, free, acts),) if gains else ()
    return leg_of(block, acts=acts, powers=(1.0,), whole=not (free or gains), chain=chain)
