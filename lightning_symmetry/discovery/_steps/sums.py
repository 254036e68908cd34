"""Sums as they would be written at once."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

from .._program.statements import Centre, Map, Term
from .._program.values import ONE, Origin
from .flow import Flow, power
from .lower import Block, Lowered, Slot, Step


def is_plain(step: Step) -> bool:
    """Whether a step only multiplies and sums."""
    statement = step.statement
    return isinstance(statement, Term) and not statement.windows and not statement.ordered


def without_zeros(lowered: Lowered) -> list[Step]:
    """Leave out what adds nothing, or multiplies by nothing: a state before its first step, say."""
    left = Counter(step.out.block for step in lowered.steps)
    zeros = {b for b in lowered.blocks if b.value.origin is Origin.ZERO and not left[b]}
    steps = []
    for step in lowered.steps:
        if isinstance(step.statement, (Map, Centre)) or zeros.isdisjoint(slot.block for slot in step.inputs):
            steps.append(step)
            continue
        block = step.out.block
        left[block] -= 1
        if not left[block] and block.value.origin in (Origin.ZERO, Origin.COMPUTED):
            zeros.add(block)
    return steps


def flattened(lowered: Lowered) -> list[Step]:
    """Let the terms of a sum that only another sum reads be terms of that one."""
    flow = Flow(lowered)
    made: dict[Block, list[tuple[int, Step]]] = defaultdict(list)
    for time, step in enumerate(lowered.steps):
        inner = made[step.inputs[0].block] if _adds(flow, step) else []
        if len(inner) > 1 and all(is_plain(maker) for _, maker in inner):
            made[step.out.block] += [(time, _redirected(maker, step)) for _, maker in inner]
            inner.clear()
        else:
            made[step.out.block].append((time, step))
    timed = [item for makers in made.values() for item in makers]
    return [step for _, step in sorted(timed, key=lambda item: item[0])]


def _adds(flow: Flow, step: Step) -> bool:
    """Whether a step adds a tensor that nobody else looks at, all of it and nothing else."""
    if not is_plain(step) or len(step.inputs) != 1 or power(step, step.inputs[0]) != 1:
        return False
    (slot,) = step.inputs
    unseen = len(flow.readers[slot.block]) == 1 and slot.block not in flow.pinned
    entire = slot.keys.keys() <= step.out.keys.keys()
    return unseen and entire and {slot.block.value.origin, step.out.block.value.origin} == {Origin.COMPUTED}


def _redirected(maker: Step, onto: Step) -> Step:
    """A term of the inner sum as a term of the outer one."""
    inner, outer = maker.statement, onto.statement
    assert isinstance(inner, Term) and isinstance(outer, Term)
    place = {position: onto.out.keys[key] for key, position in onto.inputs[0].keys.items()}
    out = Slot(onto.out.block, {key: place[position] for key, position in maker.out.keys.items()})
    made_anew = {key: position for key, position in onto.out.keys.items() if key not in onto.inputs[0].keys}
    out.keys.update({(-1 - label, part): position for (label, part), position in made_anew.items()})
    term = replace(inner, out=outer.out, coefficient=inner.coefficient * outer.coefficient)
    return replace(maker, statement=term, slots=(out, *maker.inputs))


def recentred(lowered: Lowered) -> Lowered:
    """Let a number that is added to a parameter belong to it: groups then act on ``1 + weight``."""
    flow = Flow(lowered)
    blocks: dict[Block, Block] = {}
    dropped: set[Step] = set()
    for makers in list(flow.makers.values()):
        ones = [step for step in makers if _adds_one(step)]
        biases = [step for step in makers if _adds_bias(flow, step)]
        if ones and biases:
            (slot,) = biases[0].inputs
            factor = _coefficient(biases[0])
            about = sum(_coefficient(step) for step in ones) / factor
            blocks[slot.block] = replace(slot.block, about=slot.block.about + about)
            dropped.update(ones)

    def renewed(slot: Slot) -> Slot:
        return Slot(blocks.get(slot.block, slot.block), slot.keys)

    steps = [replace(s, slots=tuple(map(renewed, s.slots))) for s in lowered.steps if s not in dropped]
    return replace(lowered, steps=steps, blocks=[blocks.get(b, b) for b in lowered.blocks])


def _adds_one(step: Step) -> bool:
    return is_plain(step) and len(step.inputs) == 1 and step.inputs[0].block.value.name == ONE


def _adds_bias(flow: Flow, step: Step) -> bool:
    """Whether a step adds a parameter that nothing else reads."""
    if not is_plain(step) or len(step.inputs) != 1 or power(step, step.inputs[0]) != 1:
        return False
    block = step.inputs[0].block
    alone = len(flow.readers[block]) == 1 and block not in flow.pinned
    return alone and block.value.origin is Origin.PARAMETER and bool(_coefficient(step))


def _coefficient(step: Step) -> float:
    return step.statement.coefficient if isinstance(step.statement, Term) else 1
