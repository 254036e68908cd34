"""Which spaces run along with another, so that a group has an element of its own for each of their indices.

Inner channels of a grouped convolution always come with the group they belong to: the permutation may differ
from group to group. An index *accompanies* a space if every block of the space has it, and every step that
aligns two blocks along the space aligns them along that index too.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable

from .._program.statements import Centre, Map
from .._steps.lower import Block, Key, Lowered, Slot, Step


class Companions:
    """Answers which classes of atoms accompany a class."""

    def __init__(self, lowered: Lowered, find: Callable[[int], int]) -> None:
        self._find = find
        self._steps: dict[int, list[Step]] = defaultdict(list)
        for step in lowered.steps:
            for c in {find(atom) for slot in step.slots for atom in slot.block.atoms}:
                self._steps[c].append(step)

    def of(self, c: int, atoms: Iterable[int], blocks: Collection[Block]) -> tuple[int, ...]:
        """Classes that accompany ``c`` in all ``blocks``, those that contain the given ``atoms`` of it."""
        chosen = set(atoms)
        shared: list[int] | None = None
        for block in blocks:
            classes = [self._find(atom) for atom in block.atoms]
            alone = [d for d in classes if d != c and classes.count(d) == 1] if classes.count(c) == 1 else []
            shared = alone if shared is None else [d for d in shared if d in alone]
            if not shared:
                return ()
        return tuple(d for d in shared or () if self._aligned(c, d, chosen))

    def _aligned(self, c: int, d: int, chosen: set[int]) -> bool:
        for step in self._steps[c]:
            for key in {k for slot in step.slots for k in slot.keys}:
                holders = [s for s in step.slots if key in s.keys and s.variable(key) in chosen]
                partners = {self._partner(slot, d) for slot in holders}
                if len(partners) > 1 or not partners.isdisjoint(_mixing(step)):
                    return False
        return True

    def _partner(self, slot: Slot, d: int) -> Key:
        return next(k for k in slot.keys if self._find(slot.variable(k)) == d)


def _mixing(step: Step) -> set[Key]:
    """Atoms whose indices a step lets act on each other."""
    statement = step.statement
    if isinstance(statement, Centre):
        return step.over(statement.over)
    return step.over((*statement.absorbs, *statement.ordered)) if isinstance(statement, Map) else set()
