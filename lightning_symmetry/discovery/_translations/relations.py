"""Sums that never change: what softmax and centring make sure of.

The entries of a softmax sum to one along its axis, those of a centred tensor to zero. A gain γ after it makes
that Σ x/γ, a shift β adds Σ β/γ. Whoever reads such an axis cannot tell a shift along the covector 1/γ from a
bias.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from .._program.statements import Centre, Map, Term
from .._solving.constants import Constant, Constants, Frame, combined
from .._steps.flow import Flow, evenly, mixed, mixes, power, slides, whole
from .._steps.lower import Block, Key, Slot, Step

Factors = tuple[tuple[Constant, int], ...]


@dataclass(frozen=True)
class Summand:
    """``coefficient · Σ Π factor ** power``; just the coefficient where there are no factors."""

    coefficient: float
    factors: Factors = ()


@dataclass(frozen=True)
class Relation:
    """``Σ covector · x`` along one axis is the sum of the summands, whatever the data."""

    covector: Frame
    total: tuple[Summand, ...] = ()

    @property
    def simplex(self) -> bool:
        """Whether the entries plainly sum to one."""
        return not self.covector and self.total == (Summand(1),)


class Relations:
    """Tells along which axes of which blocks a sum never changes."""

    def __init__(self, flow: Flow, constants: Constants) -> None:
        self._flow, self._constants = flow, constants
        self._known: dict[tuple[Block, int], Relation | None] = {}
        self._simplices: dict[object, set[Block]] = defaultdict(set)
        for step in flow.steps:
            self._simplices[_simplex(step)].add(step.out.block)

    def of(self, block: Block, position: int) -> Relation | None:
        """The relation along one atom of a block, if there is one."""
        place = (block, position)
        if place not in self._known:
            self._known[place] = None  # where a state is carried round a loop, nothing is known
            self._known[place] = self._made(block, position)
        return self._known[place]

    def shared(self, places: Sequence[tuple[Block, frozenset[int]]]) -> bool:
        """Whether some blocks are all pieces of something that sums to one across them, along some atoms."""
        blocks = [block for block, _ in places]
        makers = [step for block in blocks for step in self._flow.makers[block]]
        if len(makers) != len(blocks) or not all(isinstance(s.statement, Map) for s in makers):
            return False
        if any(_summing(step) != atoms for step, (_, atoms) in zip(makers, places, strict=True)):
            return False
        groups = {_simplex(step) for step in makers}
        return len(groups) == 1 and None not in groups and self._simplices[groups.pop()] == set(blocks)

    def _made(self, block: Block, position: int) -> Relation | None:
        relations, shifts = [], []
        for step in self._flow.makers[block]:
            key = next(k for k, p in step.out.keys.items() if p == position)
            shift = self._shift(step, key)
            if shift is not None:
                shifts.append(shift)
                continue
            relation = self._by(step, key)
            if relation is None:
                return None
            relations.append(relation)
        if not relations or any(r.covector != relations[0].covector for r in relations):
            return None
        covector = relations[0].covector
        total = [summand for relation in relations for summand in relation.total]
        total += [Summand(c, tuple(combined(covector, {beta: 1}).items())) for c, beta in shifts]
        return Relation(covector, tuple(total))

    def _shift(self, step: Step, key: Key) -> tuple[float, Constant] | None:
        """What a step adds, if that is a constant along the axis alone."""
        if not isinstance(step.statement, Term) or len(step.inputs) != 1 or step.statement.windows:
            return None
        (slot,) = step.inputs
        constant = self._constants.of(slot.block)
        if constant is None or power(step, slot) != 1 or list(slot.keys) != [key]:
            return None
        return float(step.statement.coefficient), constant

    def _by(self, step: Step, key: Key) -> Relation | None:
        statement = step.statement
        if isinstance(statement, Map):
            return Relation({}, (Summand(1),)) if whole(step, statement.simplex) == {key} else None
        if isinstance(statement, Centre):
            return Relation({}) if whole(step, statement.over) == {key} else None
        holders = [slot for slot in step.inputs if key in slot.keys]
        if not isinstance(statement, Term) or key in mixes(step):
            return None
        gains = [slot for slot in holders if self._is_gain(slot)]
        values = [slot for slot in holders if slot not in gains]
        if len(values) != 1 or power(step, values[0]) != 1:
            return None
        (slot,) = values
        before = self.of(slot.block, slot.keys[key])
        if before is None:
            return None
        if before.total and len(step.inputs) > 1 + len(gains):
            return None  # another factor scales the sum by what is not known
        if before.total and slides(step) and not evenly(step):
            return None
        covector = before.covector
        for gain in gains:
            constant = self._constants.of(gain.block)
            if constant is None:
                return None
            covector = combined(covector, {constant: int(power(step, gain))}, -1)
        gone = slot.keys.keys() - step.out.keys.keys() - mixed(step)
        summed = prod(slot.block.sizes[slot.keys[key]] for key in gone)
        factor = statement.coefficient * summed
        return Relation(covector, tuple(Summand(s.coefficient * factor, s.factors) for s in before.total))

    def _is_gain(self, slot: Slot) -> bool:
        return len(slot.block.sizes) == 1 and self._constants.of(slot.block) is not None


def _summing(step: Step) -> frozenset[int]:
    """The positions of the atoms over which what a step makes sums to one."""
    labels = step.statement.simplex if isinstance(step.statement, Map) else ()
    return frozenset(step.out.keys[key] for key in step.over(labels))


def _simplex(step: Step) -> object:
    """Which pieces of what statement sum to one together."""
    labels = step.statement.simplex if isinstance(step.statement, Map) else ()
    return (step.written, step.besides(labels)) if labels else None
