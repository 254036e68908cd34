"""Shifts that something downstream is blind to.

Softmax and cross-entropy do not see a shift shared by all logits, layer normalisation none shared by all
features. So every parameter that writes such an axis linearly may be shifted by a tensor constant along it
and arbitrary otherwise; behind a gain γ, by one that is 1/γ along it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import NamedTuple

from ._constants import Constants, Frame, combined
from ._flow import Flow, mixes, power, whole, windows
from ._legs import leg_of
from ._lower import Block, Key, Slot, Step
from ._program import Centre, Map, Term
from ._relations import Relations
from ._spelling import link
from ._values import Origin
from .symmetry import Symmetry

Along = Mapping[Key, Frame]
"""The axes along which a shift is constant times a frame; it is arbitrary along the others."""


class Field(NamedTuple):
    """A shift of a block: at which positions it is constant, each with the gains in its frame."""

    block: Block
    along: frozenset[tuple[int, frozenset[tuple[object, int]]]]

    def at(self, slot: Slot) -> dict[Key, Frame]:
        """The axes along which the shift is constant, as a step calls them."""
        key = {position: key for key, position in slot.keys.items()}
        return {key[position]: dict(frame) for position, frame in self.along}  # type: ignore[misc]


def field(slot: Slot, along: Along) -> Field:
    """A shift of a step's block."""
    places = ((slot.keys[k], frozenset(frame.items())) for k, frame in along.items() if k in slot.keys)
    return Field(slot.block, frozenset(places))


class Absorption:
    """Follows shifts to where they are absorbed."""

    def __init__(self, flow: Flow, constants: Constants, relations: Relations) -> None:
        self._flow, self._constants, self._relations = flow, constants, relations

    def symmetries(self) -> Iterator[Symmetry]:
        """Yield the translations of single parameters that are absorbed."""
        for candidate in self._candidates():
            if candidate.block.value.origin is Origin.PARAMETER and candidate.along and self.swallows(candidate):
                yield _symmetry(candidate)

    def swallows(self, start: Field) -> bool:
        """Whether a shift dies in absorbers on every way onward, and never meets itself in a product."""
        reached: set[Field] = set()
        stack = [start]
        while stack:
            here = stack.pop()
            if here in reached:
                continue
            reached.add(here)
            if here.block in self._flow.pinned:
                return False
            for step, slot in self._flow.readers[here.block]:
                after = self.after(step, slot, here.at(slot))
                if after is None:
                    return False
                stack += after
        touched = {here.block for here in reached}
        return all(
            sum(slot.block in touched for slot in step.inputs) < 2
            for block in touched
            for step, _ in self._flow.readers[block]
        )

    def after(self, step: Step, slot: Slot, along: Along) -> list[Field] | None:
        """Where a shift goes: nowhere if it is absorbed, None if it shows."""
        statement = step.statement
        swallowed = _absorbs(step, slot)
        if swallowed is not None and all(key in along and not along[key] for key in swallowed):
            return []
        if isinstance(statement, Centre):
            over = step.over(statement.over)
            return [field(step.out, {k: frame for k, frame in along.items() if not (frame and k in over)})]
        if isinstance(statement, Map) or power(step, slot) != 1:
            return None
        if step.out.block.value.origin in (Origin.BUFFER, Origin.STATISTIC):
            return None  # a statistic would have to follow
        others = [other for other in step.inputs if other is not slot]
        if any(other.block is slot.block for other in others):
            return None
        weighed = self.weighed(step, slot, others)
        if weighed in along and not along[weighed]:
            # averaged with weights that sum to one, a constant stays the same whatever the weights
            kept, others = {k: f for k, f in along.items() if k in step.out.keys}, []
        else:
            beyond = ((key, self._beyond(step, key, frame, others, 1)) for key, frame in along.items())
            kept = {key: frame for key, frame in beyond if frame is not None}
        slid = windows(step)
        constant = {slid.get(key, key): frame for key, frame in kept.items()}
        varying = {key for s in (slot, *others) for key in s.keys} | mixes(step)
        made: Along = dict.fromkeys(step.out.keys.keys() - varying, {})
        return [field(step.out, {**constant, **made})]

    def _beyond(self, step: Step, key: Key, frame: Frame, others: list[Slot], way: int) -> Frame | None:
        """The frame along an axis after a product (way 1) or before it (−1), None if there is none."""
        for other in others:
            if key in other.keys:
                gain = self._constants.of(other.block) if len(other.block.sizes) == 1 else None
                if gain is None or key not in step.out.keys:
                    return None
                frame = combined(frame, {gain: int(power(step, other))}, way)
        return frame

    def weighed(self, step: Step, slot: Slot, others: list[Slot]) -> Key | None:
        """The axis that is contracted with weights that sum to one, if there is just one such."""
        if len(others) != 1 or power(step, others[0]) != 1 or not isinstance(step.statement, Term):
            return None
        shared = [key for key in slot.keys if key in others[0].keys and key not in step.out.keys]
        if len(shared) != 1:
            return None
        relation = self._relations.of(others[0].block, others[0].keys[shared[0]])
        return shared[0] if relation is not None and relation.simplex else None

    def _candidates(self) -> list[Field]:
        """Walk back from every absorber to the shifts that could reach it."""
        found: dict[Field, None] = {}
        stack: list[Field] = []
        for step in self._flow.steps:
            for slot in step.inputs:
                keys = _absorbs(step, slot)
                if keys is not None:
                    stack.append(field(slot, dict.fromkeys(keys, {})))
        while stack:
            here = stack.pop()
            if here in found:
                continue
            found[here] = None
            for step in self._flow.makers[here.block]:
                stack += self._before(step, here.at(step.out))
        return list(found)

    def _before(self, step: Step, along: Along) -> Iterator[Field]:
        if isinstance(step.statement, (Map, Centre)):
            return
        slid = {after: before for before, after in windows(step).items()}
        if along.keys() & mixes(step) - slid.keys():
            return  # a window that turns constants into something else
        for slot in step.inputs:
            others = [other for other in step.inputs if other is not slot]
            weighed = self.weighed(step, slot, others)
            if weighed is not None:
                yield field(slot, {**along, weighed: {}})
            wanted = {slid.get(k, k): self._beyond(step, k, f, others, -1) for k, f in along.items()}
            if None not in wanted.values():
                yield field(slot, wanted)  # type: ignore[arg-type]


def _absorbs(step: Step, slot: Slot) -> set[Key] | None:
    statement = step.statement
    labels = (
        statement.absorbs
        if isinstance(statement, Map)
        else statement.over
        if isinstance(statement, Centre)
        else ()
    )
    keys = whole(step, labels)
    return keys if keys and keys <= slot.keys.keys() else None


def _symmetry(shift: Field) -> Symmetry:
    block = shift.block
    frames = {position: dict(frame) for position, frame in shift.along}
    free = tuple(i for i in range(len(block.sizes)) if i not in frames)
    shape = tuple(block.sizes[i] for i in free)
    framed = [i for i, frame in frames.items() if frame]
    acts = tuple(sorted((*free, *framed))) or (len(block.sizes),)
    gains = [(gain, exponent, (i,)) for i in framed for gain, exponent in frames[i].items()]
    chain = (link(gains, free, acts),) if gains else ()  # type: ignore[arg-type]
    leg = leg_of(block, acts=acts, powers=(1.0,), whole=not (free or framed), chain=chain)
    return Symmetry("", "translation", prod(shape), 1, (leg,), "exactly", shape or (1,))
