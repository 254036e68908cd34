"""Shifts that something downstream is blind to.

Softmax and cross-entropy do not see a shift shared by all logits, layer normalisation none shared by all
features. So every parameter that writes such an axis linearly may be shifted by a tensor constant along it
and arbitrary otherwise; behind a gain γ, by one that is 1/γ along it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from .._program.dims import Dim
from .._program.statements import Centre, Map, Statement, Term
from .._program.values import Origin
from .._solving.constants import Constants, Frame, combined
from .._steps.flow import Flow, evenly, mixed, mixes, power
from .._steps.lower import Block, Key, Slot, Step
from ..symmetry import Symmetry
from .field import Along, Field, field, symmetry, together
from .relations import Relations

Reading = list[tuple[Step, Slot]]
"""Steps of one statement that do the same to some pieces, each with what it reads of them."""


class Absorption:
    """Follows shifts to where they are absorbed."""

    def __init__(self, flow: Flow, constants: Constants, relations: Relations) -> None:
        self._flow, self._constants, self._relations = flow, constants, relations
        self._absorbers: dict[object, Reading] = defaultdict(list)
        self._readings: dict[tuple[Block, ...], list[Reading]] = {}
        for step in flow.steps:
            if _blind(step):
                self._absorbers[_absorber(step)] += [(step, slot) for slot in step.inputs]

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the translations that are absorbed, each of one parameter."""
        for shift in self._candidates():
            trained = all(block.value.origin is Origin.PARAMETER for block in shift.blocks)
            constant = len(shift.pieces) > 1 or any(along for _, along in shift.pieces)
            if trained and constant and self.swallows(shift):
                yield symmetry(shift)

    def swallows(self, start: Field) -> bool:
        """Whether a shift dies in absorbers on every way onward, and never meets itself in a product."""
        reached: set[Field] = set()
        stack = [start]
        while stack:
            here = stack.pop()
            if here in reached:
                continue
            reached.add(here)
            if not self._flow.pinned.isdisjoint(here.blocks):
                return False
            for reading in self.readings(here.blocks):
                after = self.onward(reading, here)
                if after is None:
                    return False
                stack += after
        touched = {block for here in reached for block in here.blocks}
        return all(
            sum(slot.block in touched for slot in step.inputs) < 2
            for block in touched
            for step, _ in self._flow.readers[block]
        )

    def readings(self, blocks: Iterable[Block]) -> list[Reading]:
        """What reads some pieces, those steps together that do the same to each of them."""
        pieces = tuple(blocks)
        if pieces not in self._readings:
            readings: dict[object, Reading] = defaultdict(list)
            for block in pieces:
                for step, slot in self._flow.readers[block]:
                    readings[_deed(step, slot)].append((step, slot))
            self._readings[pieces] = list(readings.values())
        return self._readings[pieces]

    def onward(self, reading: Reading, here: Field) -> list[Field] | None:
        """Where a shift goes: nowhere if it is absorbed, None if it shows."""
        if self._swallowed(reading, here):
            return []
        onward = [self._after(step, slot, here.at(slot)) for step, slot in reading]
        shown = [shift for shift in onward if shift is not None]
        if len(shown) < len(onward):
            return None
        # a window does not do the same to every piece
        return shown if mixes(reading[0][0]) else [together(shown)]

    def _swallowed(self, reading: Reading, here: Field) -> bool:
        """Whether a statement is blind to a shift; if its axis is cut, it has to see all pieces shifted."""
        if not _blind(reading[0][0]):
            return False
        pieces = {slot.block for step, _ in reading for _, slot in self._absorbers[_absorber(step)]}
        return pieces <= set(here.blocks) and all(_absorbs(s, slot, here.at(slot)) for s, slot in reading)

    def _after(self, step: Step, slot: Slot, along: Along) -> Field | None:
        statement = step.statement
        if isinstance(statement, Centre):
            over = step.over(statement.over)
            return field(step.out, {k: frame for k, frame in along.items() if not (frame and k in over)})
        if isinstance(statement, Map) or power(step, slot) != 1:
            return None
        if step.out.block.value.origin in (Origin.BUFFER, Origin.STATISTIC):
            return None  # a statistic would have to follow
        others = [other for other in step.inputs if other is not slot]
        if any(other.block is slot.block for other in others):
            return None
        weighed = self.weighed(step, slot, others)
        if weighed and all(key in along and not along[key] for key in weighed):
            # averaged with weights that sum to one, a constant stays the same whatever the weights
            kept, others = {k: f for k, f in along.items() if k in step.out.keys}, []
        else:
            beyond = ((key, self._beyond(step, key, frame, others, 1)) for key, frame in along.items())
            kept = {key: frame for key, frame in beyond if frame is not None}
        slid = mixed(step) & slot.keys.keys()
        constant = {key: frame for key, frame in kept.items() if key not in slid}
        if slid and evenly(step) and all(key in kept and not kept[key] for key in slid):
            constant |= {key: {} for key in mixes(step)}
        varying = {key for s in (slot, *others) for key in s.keys} | mixes(step)
        made: Along = {key: {} for key in step.out.keys.keys() - varying}
        return field(step.out, {**constant, **made})

    def _beyond(self, step: Step, key: Key, frame: Frame, others: list[Slot], way: int) -> Frame | None:
        """The frame along an axis after a product (way 1) or before it (−1), None if there is none."""
        for other in others:
            if key in other.keys:
                gain = self._constants.of(other.block) if len(other.block.sizes) == 1 else None
                if gain is None or key not in step.out.keys:
                    return None
                frame = combined(frame, {gain: int(power(step, other))}, way)
        return frame

    def weighed(self, step: Step, slot: Slot, others: list[Slot]) -> frozenset[Key]:
        """The axes that are contracted with weights that sum to one along them, if there are any."""
        if len(others) != 1 or power(step, others[0]) != 1 or not isinstance(step.statement, Term):
            return frozenset()
        (weights,) = others
        shared = frozenset(key for key in slot.keys if key in weights.keys and key not in step.out.keys)
        positions = frozenset(weights.keys[key] for key in shared)
        if len(shared) == 1:
            relation = self._relations.of(weights.block, *positions)
            return shared if relation is not None and relation.simplex else frozenset()
        return shared if shared and self._relations.shared([(weights.block, positions)]) else frozenset()

    def _candidates(self) -> list[Field]:
        """Walk back from every absorber to the shifts that could reach it."""
        found: dict[Field, None] = {}
        stack = [
            together([field(slot, _constant(step)) for step, slot in r]) for r in self._absorbers.values()
        ]
        stack += [field(slot, _constant(step)) for r in self._absorbers.values() for step, slot in r]
        while stack:
            here = stack.pop()
            if here in found:
                continue
            found[here] = None
            stack += self._before(here)
        return list(found)

    def _before(self, here: Field) -> Iterator[Field]:
        """What could have made a shift."""
        makers: dict[Statement, list[Step]] = defaultdict(list)
        for block in here.blocks:
            for step in self._flow.makers[block]:
                makers[step.written].append(step)
        for steps in makers.values():
            if isinstance(steps[0].statement, (Map, Centre)):
                continue
            for place in range(len(steps[0].inputs)):
                reading = [(step, step.inputs[place]) for step in steps]
                if len(here.blocks) == 1:
                    for step, slot in reading:
                        yield from self._ahead(step, slot, here.at(step.out))
                elif len(steps) == len(here.blocks) and len({_deed(*read) for read in reading}) == 1:
                    ways = zip(
                        *(list(self._ahead(s, slot, here.at(s.out))) for s, slot in reading), strict=False
                    )
                    yield from (together(list(fields)) for fields in ways)

    def _ahead(self, step: Step, slot: Slot, along: Along) -> Iterator[Field]:
        others = [other for other in step.inputs if other is not slot]
        slid = mixed(step)
        if not along.keys().isdisjoint(mixes(step)):
            shared = slid <= slot.keys.keys() and mixes(step) <= along.keys()
            if not (shared and evenly(step)) or any(along[key] for key in mixes(step)):
                return  # a window that turns constants into something else
            along = {k: f for k, f in along.items() if k not in mixes(step)} | {key: {} for key in slid}
        weighed = self.weighed(step, slot, others)
        if weighed:
            yield field(slot, {**along, **{key: {} for key in weighed}})
        wanted = {k: self._beyond(step, k, f, others, -1) for k, f in along.items()}
        if None not in wanted.values():
            yield field(slot, wanted)  # type: ignore[arg-type]


def _blind(step: Step) -> tuple[Dim, ...]:
    """The labels along all of which a step does not see a constant."""
    statement = step.statement
    if isinstance(statement, Map):
        return statement.absorbs
    return statement.over if isinstance(statement, Centre) else ()


def _absorber(step: Step) -> object:
    """Who absorbs: all steps of a statement on the same pieces of the axes along which it does not absorb."""
    return step.written, step.besides(_blind(step))


def _constant(step: Step) -> Along:
    return {key: {} for key in step.over(_blind(step))}


def _absorbs(step: Step, slot: Slot, along: Along) -> bool:
    """Whether a shift is constant where a step is blind to that."""
    keys = step.over(_blind(step))
    return keys <= slot.keys.keys() and all(k in along and not along[k] for k in keys)


def _deed(step: Step, slot: Slot) -> object:
    """What a step does to an input: equal for steps that do the same to several pieces."""
    others = tuple(other.block for other in step.inputs if other is not slot)
    coefficient = getattr(step.statement, "coefficient", 1)
    return step.written, step.inputs.index(slot), others, coefficient, power(step, slot)
