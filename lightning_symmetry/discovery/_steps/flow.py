"""Who reads and who makes a block: the graph in which shifts travel."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from .._program.dims import Dim, blocks
from .._program.statements import Term, View
from .._program.values import Origin
from .lower import Block, Key, Lowered, Slot, Step


class Source(NamedTuple):
    """The block that another is a multiple of, and where the other's atoms are in it if they are there."""

    block: Block
    positions: tuple[int | None, ...]
    factor: float = 1


class Flow:
    """The steps of a lowered program by the blocks that they read and write."""

    def __init__(self, lowered: Lowered) -> None:
        self.steps = lowered.steps
        self.pinned = {block for block, _ in lowered.pinned}
        self.readers: dict[Block, list[tuple[Step, Slot]]] = defaultdict(list)
        self.makers: dict[Block, list[Step]] = defaultdict(list)
        for step in lowered.steps:
            self.makers[step.out.block].append(step)
            for slot in step.inputs:
                self.readers[slot.block].append((step, slot))

    def source(self, block: Block) -> Source:
        """The block whose entries this one merely rearranges, or itself."""
        return self._source(block, exact=True)

    def broadcast(self, block: Block) -> Source:
        """The block that this one repeats along axes of its own and multiplies by a number, or itself."""
        return self._source(block, exact=False)

    def _source(self, block: Block, *, exact: bool) -> Source:
        positions: tuple[int | None, ...] = tuple(range(len(block.sizes)))
        factor: float = 1
        while len(self.makers[block]) == 1 and block.value.origin is Origin.COMPUTED:
            (step,) = self.makers[block]
            coefficient = _copied(step)
            (slot,) = step.inputs[:1] if coefficient else (None,)
            if slot is None or not slot.keys.keys() <= step.out.keys.keys():
                break
            if exact and (coefficient != 1 or len(slot.keys) < len(step.out.keys)):
                break
            there = {position: slot.keys.get(key) for key, position in step.out.keys.items()}
            positions = tuple(None if p is None else there[p] for p in positions)
            block = slot.block
            factor *= coefficient
        return Source(block, positions, factor)

    def contracted(self) -> set[int]:
        """Variables of the source atoms along which something is contracted with them: what reads a space."""
        found = set()
        for step in self.steps:
            if isinstance(step.statement, Term) and len(step.inputs) > 1:
                for slot in step.inputs:
                    block, positions, _ = self.source(slot.block)
                    places = (positions[p] for key, p in slot.keys.items() if key not in step.out.keys)
                    found |= {block.atom(place) for place in places if place is not None}
        return found


def _copied(step: Step) -> float:
    """The number by which a step multiplies its only input, 0 if it does more than that."""
    statement = step.statement
    if isinstance(statement, View):
        return 1
    if not isinstance(statement, Term) or len(statement.inputs) != 1 or statement.windows:
        return 0
    return statement.coefficient if statement.inputs[0].power == 1 else 0


def power(step: Step, slot: Slot) -> float:
    """The power to which a step raises an input."""
    statement = step.statement
    if not isinstance(statement, Term):
        return 1
    for place, operand in enumerate(statement.inputs):
        if step.inputs[place] is slot:
            return operand.power
    raise ValueError("slot must be an input of the step")


def whole(step: Step, labels: tuple[Dim, ...]) -> set[Key] | None:
    """The atoms of some labels, or None where a sum cuts one of them, so that this step sees only a part."""
    if any(len(blocks(label)) > 1 for label in labels):
        return None
    return step.over(labels)


def slides(step: Step) -> bool:
    """Whether a step moves a window along an axis."""
    return isinstance(step.statement, Term) and bool(step.statement.windows)


def evenly(step: Step) -> bool:
    """Whether what is constant wherever a sliding window looks stays the same constant wherever it writes."""
    statement = step.statement
    pairs = statement.windows if isinstance(statement, Term) else ()
    # where an axis is cut, a window does not do the same to all of its parts
    return (
        isinstance(statement, Term)
        and statement.even
        and all(whole(step, pair) is not None for pair in pairs)
    )


def mixes(step: Step) -> set[Key]:
    """Output positions that a sliding window fills."""
    statement = step.statement
    return step.over([b for _, b in statement.windows]) if isinstance(statement, Term) else set()


def mixed(step: Step) -> set[Key]:
    """Input positions that a sliding window mixes."""
    statement = step.statement
    return step.over([a for a, _ in statement.windows]) if isinstance(statement, Term) else set()
