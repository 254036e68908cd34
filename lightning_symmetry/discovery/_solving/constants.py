"""Blocks that depend on no data: parameters, buffers, and what is computed from one of them by a line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .._program.statements import Term
from .._program.values import ONE, Origin
from .._steps.flow import Flow
from .._steps.lower import Block
from ..piece import Factor

NAMED = (Origin.PARAMETER, Origin.BUFFER, Origin.FIXED)


@dataclass(frozen=True)
class Constant:
    """``scale · piece + shift`` of a parameter or a buffer."""

    block: Block
    scale: float = 1
    shift: float = 0

    def factor(self, power: int = 1) -> Factor:
        """Return it as it will be read from the parameters."""
        pieces = self.block.pieces
        return Factor(
            parameter=self.block.value.name,
            offset=tuple(piece.offset for piece in pieces),
            atoms=tuple((axis, step, dim.size) for axis, p in enumerate(pieces) for dim, step in p.atoms),
            power=power,
            scale=float(self.scale),
            shift=float(self.shift),
        )


class Constants:
    """Tells which blocks are constants."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._known: dict[Block, Constant | None] = {}

    def of(self, block: Block) -> Constant | None:
        """The constant that a block holds, its atoms in the same order, or None."""
        if block not in self._known:
            self._known[block] = self._made(block)
        return self._known[block]

    def _made(self, block: Block) -> Constant | None:
        if block.value.name and block.value.origin in NAMED:
            return Constant(block, 1, block.about)
        if block.value.origin is not Origin.COMPUTED:
            return None
        found: Constant | None = None
        shift = 0.0
        for step in self._flow.makers[block]:
            term = step.statement
            if not isinstance(term, Term) or len(step.inputs) != 1 or term.inputs[0].power != 1:
                return None
            (slot,) = step.inputs
            if slot.block.value.name == ONE:
                shift += term.coefficient
                continue
            inner = self.of(slot.block)
            if found is not None or inner is None or slot.keys != step.out.keys:
                return None
            found = Constant(inner.block, inner.scale * term.coefficient, inner.shift * term.coefficient)
        return found and Constant(found.block, found.scale, found.shift + shift)


Frame = Mapping[Constant, int]
"""A product of powers of gains, all diagonal along one axis."""

FrozenFrame = frozenset[tuple[Constant, int]]
"""A frame that can be hashed."""


def combined(one: Frame, other: Frame, power: int = 1) -> dict[Constant, int]:
    """The product of ``one`` and ``other ** power``."""
    total = {c: one.get(c, 0) + power * other.get(c, 0) for c in {**one, **other}}
    return {constant: exponent for constant, exponent in total.items() if exponent}
