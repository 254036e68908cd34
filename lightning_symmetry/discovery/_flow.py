"""Who reads and who makes a block: the graph in which shifts travel."""

from __future__ import annotations

from collections import defaultdict

from ._dims import Dim, blocks
from ._lower import Block, Key, Lowered, Slot, Step
from ._program import Term, View
from ._values import Origin


Source = tuple[Block, tuple[int, ...]]
"""A block, and the positions in it of the atoms of one that only rearranges its entries."""


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
        """The block whose entries this one merely rearranges (or itself), and where its atoms are there."""
        positions = tuple(range(len(block.sizes)))
        while len(self.makers[block]) == 1 and block.value.origin is Origin.COMPUTED:
            (step,) = self.makers[block]
            statement = step.statement
            copies = isinstance(statement, View) or (
                isinstance(statement, Term)
                and len(statement.inputs) == 1
                and statement.coefficient == statement.inputs[0].power == 1
                and not statement.windows
            )
            if not copies or step.out.keys.keys() != step.inputs[0].keys.keys():
                break
            there = {position: step.inputs[0].keys[key] for key, position in step.out.keys.items()}
            block, positions = step.inputs[0].block, tuple(there[p] for p in positions)
        return block, positions

    def contracted(self) -> set[int]:
        """Variables of the source atoms along which something is contracted with them: what reads a space."""
        found = set()
        for step in self.steps:
            if isinstance(step.statement, Term) and len(step.inputs) > 1:
                for slot in step.inputs:
                    block, positions = self.source(slot.block)
                    found |= {
                        block.atom(positions[p]) for key, p in slot.keys.items() if key not in step.out.keys
                    }
        return found


def power(step: Step, slot: Slot) -> float:
    """The power to which a step raises an input."""
    statement = step.statement
    if not isinstance(statement, Term):
        return 1
    return next(operand.power for s, operand in zip(step.inputs, statement.inputs, strict=True) if s is slot)


def whole(step: Step, labels: tuple[Dim, ...]) -> set[Key] | None:
    """The atoms of some labels, or None where a sum cuts one of them, so that this step sees only a part."""
    if any(len(blocks(label)) > 1 for label in labels):
        return None
    return step.over(labels)


def windows(step: Step) -> dict[Key, Key]:
    """Input positions and the output positions into which an even sliding window turns them."""
    statement = step.statement
    if not isinstance(statement, Term) or not statement.even:
        return {}
    pairs = ((step.keys.get(a, ()), step.keys.get(b, ())) for a, b in statement.windows)
    return {one: other for a, b in pairs for one, other in zip(a, b, strict=False)}


def mixes(step: Step) -> set[Key]:
    """Output positions that a sliding window fills."""
    statement = step.statement
    return step.over([b for _, b in statement.windows]) if isinstance(statement, Term) else set()


def mixed(step: Step) -> set[Key]:
    """Input positions that a sliding window mixes."""
    statement = step.statement
    return step.over([a for a, _ in statement.windows]) if isinstance(statement, Term) else set()
