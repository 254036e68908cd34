"""Which blocks always hold the same numbers: the same function of the same blocks."""

from __future__ import annotations

from collections.abc import Hashable

from .._program.statements import Map, Term
from .._program.values import Origin
from .flow import Flow
from .lower import Block, Step


class Numbering:
    """Gives equal numbers to blocks that are computed alike."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._names: dict[Block, Hashable] = {}
        self._numbers: dict[Hashable, int] = {}

    def of(self, block: Block) -> int:
        """The number of a block."""
        if block not in self._names:
            self._names[block] = id(block)  # a state that is carried round a loop stands for itself
            self._names[block] = self._name(block)
        return self._numbers.setdefault(self._names[block], len(self._numbers))

    def _name(self, block: Block) -> Hashable:
        makers = self._flow.makers[block] if block.value.origin is Origin.COMPUTED else []
        parts = [self._made(step) for step in makers]
        if not parts or None in parts:
            return id(block)
        return tuple(sorted(parts, key=hash))

    def _made(self, step: Step) -> Hashable:
        statement = step.statement
        if isinstance(statement, Map) and statement.function:
            how: Hashable = statement.function
        elif isinstance(statement, Term) and not statement.windows and not statement.ordered:
            how = (statement.coefficient, tuple(operand.power for operand in statement.inputs))
        else:
            return None
        operands = (
            (self.of(slot.block), tuple(sorted((p, step.out.keys.get(k, k)) for k, p in slot.keys.items())))
            for slot in step.inputs
        )
        return how, tuple((number, tuple(map(str, keys))) for number, keys in operands)
