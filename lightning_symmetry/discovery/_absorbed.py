"""Translations of weights that are constant along an axis which something downstream is blind to.

Softmax and cross-entropy do not see a shift shared by all logits, layer normalisation none shared by all
features. So every parameter that writes such an axis linearly may be shifted by a tensor constant along it
and arbitrary otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from ._flow import Flow, mixes, power, whole, windows
from ._legs import leg_of
from ._lower import Block, Key, Slot, Step
from ._program import Centre, Map
from ._values import Origin
from .symmetry import Symmetry

Field = tuple[Block, frozenset[int]]
"""A shift of a block that is constant along the atoms at some positions and arbitrary along the others."""


def absorbed(flow: Flow) -> Iterator[Symmetry]:
    """Yield the translations that an absorber swallows."""
    for block, along in _candidates(flow):
        if block.value.origin is Origin.PARAMETER and along and _harmless(flow, (block, along)):
            free = tuple(i for i in range(len(block.sizes)) if i not in along)
            shape = tuple(block.sizes[i] for i in free)
            acts = free or (len(block.sizes),)
            leg = leg_of(block, acts=acts, powers=(1.0,), whole=not free)
            yield Symmetry("", "translation", prod(shape), 1, (leg,), "exactly", shape or (1,))


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


def _candidates(flow: Flow) -> list[Field]:
    """Walk back from every absorber to the fields that could reach it."""
    found: dict[Field, None] = {}
    stack: list[Field] = []
    for step in flow.steps:
        for slot in step.inputs:
            keys = _absorbs(step, slot)
            if keys is not None:
                stack.append((slot.block, frozenset(slot.keys[key] for key in keys)))
    while stack:
        here = stack.pop()
        if here in found:
            continue
        found[here] = None
        for step in flow.makers[here[0]]:
            stack += _before(step, here[1])
    return list(found)


def _before(step: Step, along: frozenset[int]) -> Iterator[Field]:
    if isinstance(step.statement, Map):
        return
    keys = {key for key, position in step.out.keys.items() if position in along}
    slid = {after: before for before, after in windows(step).items()}
    if keys & mixes(step) - slid.keys():
        return  # a window that turns constants into something else
    for slot in step.inputs:
        others = [other for other in step.inputs if other is not slot]
        wanted = {slid.get(key, key) for key in keys}
        if not any(key in other.keys for key in wanted for other in others):
            yield slot.block, frozenset(slot.keys[key] for key in wanted if key in slot.keys)


def _harmless(flow: Flow, start: Field) -> bool:
    """Whether the field dies in absorbers on every way onward, and never meets itself in a product."""
    reached: set[Field] = set()
    stack = [start]
    while stack:
        here = stack.pop()
        if here in reached:
            continue
        reached.add(here)
        block, along = here
        if block in flow.pinned:
            return False
        for step, slot in flow.readers[block]:
            after = _after(step, slot, along)
            if after is None:
                return False
            stack += after
    touched = {block for block, _ in reached}
    return all(
        sum(slot.block in touched for slot in step.inputs) < 2
        for block in touched
        for step, _ in flow.readers[block]
    )


def _after(step: Step, slot: Slot, along: frozenset[int]) -> list[Field] | None:
    """Where a field goes: nowhere if it is absorbed, None if it shows."""
    keys = {key for key, position in slot.keys.items() if position in along}
    swallowed = _absorbs(step, slot)
    if swallowed is not None and swallowed <= keys:
        return []
    if isinstance(step.statement, Map) or power(step, slot) != 1:
        return None
    if step.out.block.value.origin in (Origin.BUFFER, Origin.STATISTIC):
        return None  # a statistic that would have to follow
    others = [other for other in step.inputs if other is not slot]
    if any(other.block is slot.block for other in others):
        return None
    if any(key in other.keys for key in keys for other in others):
        keys = {key for key in keys if not any(key in other.keys for other in others)}
    slid = windows(step)
    constant = {slid.get(key, key) for key in keys}
    made = {key for key in step.out.keys if not any(key in s.keys for s in step.inputs)} - mixes(step)
    return [
        (step.out.block, frozenset(step.out.keys[key] for key in constant | made if key in step.out.keys))
    ]
