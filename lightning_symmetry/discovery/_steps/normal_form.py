"""Steps as if nothing had been written by hand.

Copies are read at their source, a product that is summed afterwards is one contraction, equal factors are one
power, sums of sums are one sum, and what a mean is subtracted from is centred. So ``(q * k).sum(-1)`` is a
matrix product, ``x.pow(2).mean(-1)`` a squared length and ``x - x.mean(-1)`` the first half of a
normalisation, whoever wrote them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import cache
from math import isclose, prod

from .._program.dims import Dim
from .._program.statements import Centre, Map, Operand, Term
from .._program.values import Origin
from .flow import Flow, Source
from .lower import Lowered, Slot, Step
from .sums import flattened, is_plain, recentred, without_zeros


def normal_form(lowered: Lowered) -> Lowered:
    """Return equivalent steps in normal form, without those that nobody reads."""
    lowered = replace(lowered, steps=without_zeros(lowered))
    lowered = _without_unread(replace(lowered, steps=_at_sources(lowered)))
    lowered = recentred(replace(lowered, steps=flattened(lowered)))
    lowered = replace(lowered, steps=_at_sources(lowered))
    lowered = replace(lowered, steps=_fused(lowered))
    lowered = replace(lowered, steps=_centred(lowered))
    return _without_unread(lowered)


def _at_sources(lowered: Lowered) -> list[Step]:
    """Let every step read the source of a copy, and equal factors once."""
    flow = Flow(lowered)
    sources, multiples = cache(flow.source), cache(flow.broadcast)

    def at_sources(step: Step) -> Step:
        whole = is_plain(step)
        found = [(multiples if whole else sources)(slot.block) for slot in step.inputs]
        if all(there.block is slot.block for slot, there in zip(step.inputs, found, strict=True)):
            return _powers(step) if whole else step
        slots = tuple(_moved(slot, there) for slot, there in zip(step.inputs, found, strict=True))
        term = step.statement
        if not whole or not isinstance(term, Term):
            return replace(step, slots=(step.out, *slots))
        factors = (there.factor**operand.power for there, operand in zip(found, term.inputs, strict=True))
        count = _repeated(step, slots)
        term = replace(term, coefficient=term.coefficient * prod(factors) * count)
        return _powers(replace(step, statement=term, slots=(step.out, *slots)))

    return [at_sources(step) for step in lowered.steps]


def _moved(slot: Slot, there: Source) -> Slot:
    places = {key: there.positions[position] for key, position in slot.keys.items()}
    return Slot(there.block, {key: place for key, place in places.items() if place is not None})


def _repeated(step: Step, slots: tuple[Slot, ...]) -> int:
    """How often a sum adds the same, along axes that none of its terms has any more."""
    lengths = {key: slot.block.sizes[position] for slot in step.inputs for key, position in slot.keys.items()}
    left = {key for slot in slots for key in slot.keys} | step.out.keys.keys()
    return prod(length for key, length in lengths.items() if key not in left)


def _powers(step: Step) -> Step:
    """Join equal factors of a product."""
    statement = step.statement
    if not isinstance(statement, Term) or len(step.inputs) < 2:
        return step
    joined: list[tuple[Slot, float]] = []
    for slot, operand in zip(step.inputs, statement.inputs, strict=True):
        same = [i for i, (other, _) in enumerate(joined) if other == slot]
        if same:
            joined[same[0]] = (slot, joined[same[0]][1] + operand.power)
        else:
            joined.append((slot, operand.power))
    if len(joined) == len(step.inputs):
        return step
    operands = tuple(_operand(slot, power) for slot, power in joined)
    term = replace(statement, inputs=operands)
    return replace(step, statement=term, slots=(step.out, *(slot for slot, _ in joined)))


def _operand(slot: Slot, power: float = 1) -> Operand:
    return Operand(slot.block.value, (), power)


def _fused(lowered: Lowered) -> list[Step]:
    """Replace the sum of a product by a contraction."""
    flow = Flow(lowered)
    steps = []
    for step in lowered.steps:
        (slot, *others) = step.inputs or (None,)
        if slot is None or others or not is_plain(step) or slot.keys.keys() <= step.out.keys.keys():
            steps.append(step)
            continue
        makers = flow.makers[slot.block]
        whole = len(makers) == 1 and slot.block.value.origin is Origin.COMPUTED
        steps.append(_contraction(step, makers[0]) if whole and is_plain(makers[0]) else step)
    return steps


def _contraction(reduction: Step, product: Step) -> Step:
    """The reduction of a product as one step."""
    first, second = product.statement, reduction.statement
    assert isinstance(first, Term) and isinstance(second, Term)
    if second.inputs[0].power != 1:
        return reduction
    outer = {position: key for key, position in reduction.inputs[0].keys.items()}
    # what the product contracts itself keeps out of the way of the names that the reduction uses
    names = {key: outer.get(position, key) for key, position in product.out.keys.items()}
    inner = {key for slot in product.inputs for key in slot.keys} - names.keys()
    names |= {key: (-1 - label, factor) for key in inner for label, factor in [key]}
    slots = tuple(Slot(s.block, {names[key]: p for key, p in s.keys.items()}) for s in product.inputs)
    term = Term(second.out, first.inputs, first.coefficient * second.coefficient)
    return _powers(Step(term, (reduction.out, *slots), {}, reduction.written))


def _centred(lowered: Lowered) -> list[Step]:
    """Replace ``x`` and ``− mean(x)``, added up, by a centring."""
    flow = Flow(lowered)
    centring: dict[Step, Step | None] = {}
    for makers in list(flow.makers.values()):
        if len(makers) == 2 and all(is_plain(m) and len(m.inputs) == 1 for m in makers):
            for whole, mean in (makers, makers[::-1]):
                step = _centring(flow, whole, mean)
                if step is not None:
                    centring |= {whole: step, mean: None}
                    break
    return [new for step in lowered.steps if (new := centring.get(step, step)) is not None]


def _centring(flow: Flow, whole: Step, subtracted: Step) -> Step | None:
    """``whole`` adds ``x`` and ``subtracted`` takes away its mean: both as one step, or None."""
    source, mean = whole.inputs[0], subtracted.inputs[0]
    makers = flow.makers[mean.block]
    if len(makers) != 1 or mean.block.value.origin is not Origin.COMPUTED or not is_plain(makers[0]):
        return None
    (average,) = makers
    if len(average.inputs) != 1 or average.inputs[0].block is not source.block:
        return None
    if whole.out.keys.keys() != source.keys.keys() or not mean.keys.keys() <= subtracted.out.keys.keys():
        return None
    of_out = {whole.out.keys[key]: position for key, position in source.keys.items()}
    of_mean = {
        average.out.keys[key]: p for key, p in average.inputs[0].keys.items() if key in average.out.keys
    }
    if any(of_out[subtracted.out.keys[key]] != of_mean.get(position) for key, position in mean.keys.items()):
        return None
    gone = set(source.keys.values()) - set(of_mean.values())
    count = prod(source.block.sizes[position] for position in gone)
    if not gone or not _cancels(whole, subtracted, average, count):
        return None
    over = tuple(key for key, position in source.keys.items() if position in gone)
    label = Dim(count)
    assert isinstance(whole.statement, Term)
    centre = Centre(whole.statement.out, _operand(source), (label,))
    return Step(centre, whole.slots, {label: over}, whole.written)


def _cancels(whole: Step, subtracted: Step, average: Step, count: int) -> bool:
    """Whether a constant disappears."""
    terms = [step.statement for step in (whole, subtracted, average)]
    if any(not isinstance(t, Term) or t.inputs[0].power != 1 for t in terms):
        return False
    one, other, mean = (t.coefficient for t in terms if isinstance(t, Term))
    return isclose(one, -other * mean * count, rel_tol=1e-12)


def _without_unread(lowered: Lowered) -> Lowered:
    """Leave out what is computed for nothing."""
    flow = Flow(lowered)
    lasting = (b for b in lowered.blocks if b.value.origin is not Origin.COMPUTED)
    stack = [*dict.fromkeys(block for block, _ in lowered.pinned), *lasting]
    needed = set(stack)
    pieces: dict[object, list[Step]] = defaultdict(list)
    for step in lowered.steps:
        written = step.written
        if isinstance(written, Centre) or (isinstance(written, Map) and (written.absorbs or written.simplex)):
            pieces[written].append(step)
    while stack:
        for made in flow.makers.get(stack.pop(), ()):
            # what is absorbed, or sums to one, along an axis that is cut depends on all of its pieces
            for step in pieces.pop(made.written, (made,)):
                new = [slot.block for slot in step.slots if slot.block not in needed]
                needed.update(new)
                stack += new
    steps = [step for step in lowered.steps if step.out.block in needed]
    blocks = [b for b in lowered.blocks if b in needed]
    return replace(lowered, steps=steps, blocks=blocks)
