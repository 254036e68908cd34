"""A block of a parameter, a buffer or a draw of random numbers as a leg."""

from __future__ import annotations

from typing import Literal

from ._lower import Block
from ._values import Origin
from .leg import Leg
from .piece import Factor, Link

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
    )
