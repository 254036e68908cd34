"""A block of a parameter, a buffer or a draw of random numbers as a leg."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from .._program.values import Origin
from .._steps.lower import Block
from ..leg import Leg
from ..piece import Factor, Link

KINDS: dict[Origin, Literal["parameter", "buffer", "statistic", "noise"]] = {
    Origin.PARAMETER: "parameter",
    Origin.BUFFER: "buffer",
    Origin.STATISTIC: "statistic",
    Origin.NOISE: "noise",
    Origin.SYMMETRIC_NOISE: "noise",
}
"""What a symmetry may move, and what it is called."""


def leg_of(
    block: Block,
    *,
    acts: tuple[int, ...],
    powers: tuple[float, ...],
    copies: tuple[int, ...] = (),
    additive: bool = False,
    reads: tuple[bool, ...] = (),
    whole: bool = False,
    chain: tuple[Link, ...] = (),
    frames: tuple[tuple[Factor, ...], ...] = (),
) -> Leg:
    """Describe a block as a leg; ``whole`` adds the axis of length one on which whole-tensor groups act."""
    atoms = tuple(
        (axis, step, dim.size) for axis, piece in enumerate(block.pieces) for dim, step in piece.atoms
    )
    return Leg(
        parameter=block.value.name,
        offset=tuple(piece.offset for piece in block.pieces),
        atoms=(*atoms, (-1, 0, 1)) if whole else atoms,
        kind=KINDS[block.value.origin],
        acts=acts,
        powers=powers,
        roles=tuple("reads" if read else "writes" for read in reads or (False,) * len(acts)),
        copies=copies,
        additive=additive,
        chain=chain,
        frames=frames,
        about=float(block.about),
    )


def unit_leg(block: Block, unit: int, strand: int) -> Leg:
    """Describe a block as a part of one unit of a space: of a branch among branches."""
    return replace(leg_of(block, acts=(), powers=()), unit=unit, strand=strand)


def in_plane(leg: Leg, second: Block) -> Leg:
    """Let a leg hold a second block, too: the other coordinate of its planes."""
    offset = tuple(piece.offset for piece in second.pieces)
    apart = [(axis, b - a) for axis, (a, b) in enumerate(zip(leg.offset, offset, strict=True)) if a != b]
    (axis, step) = apart[0]
    return replace(leg, atoms=(*leg.atoms, (axis, step, 2)), plane=len(leg.atoms))
