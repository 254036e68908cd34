"""Steps as if nothing had been written by hand.

Copies are read at their source, a product that is summed afterwards is one contraction, equal factors are one
power, and what a mean is subtracted from is centred. So ``(q * k).sum(-1)`` is a matrix product,
``x.pow(2).mean(-1)`` a squared length and ``x - x.mean(-1)`` the first half of a normalisation, whoever wrote
them.
"""

from __future__ import annotations

from dataclasses import replace
from math import isclose, prod

from ._dims import Dim
from ._flow import Flow, Source
from ._lower import Block, Key, Lowered, Slot, Step
from ._program import Centre, Operand, Term
from ._values import Origin


def normal_form(lowered: Lowered) -> Lowered:
    """Return equivalent steps in normal form, without those that nobody reads."""
    read = replace(lowered, steps=_at_sources(lowered))
    fused = replace(read, steps=_fused(read))
    centred = replace(fused, steps=_centred(fused))
    return _without_unread(centred)


def _at_sources(lowered: Lowered) -> list[Step]:
    """Let every step read the source of a copy, and equal factors once."""
    flow = Flow(lowered)
    sources: dict[Block, Source] = {}

    def at_source(slot: Slot) -> Slot:
        if slot.block not in sources:
            sources[slot.block] = flow.source(slot.block)
        block, positions = sources[slot.block]
        return Slot(block, {key: positions[position] for key, position in slot.keys.items()})

    return [_powers(replace(s, slots=(s.out, *map(at_source, s.inputs)))) for s in lowered.steps]


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
        if slot is None or others or not _plain(step) or slot.keys.keys() <= step.out.keys.keys():
            steps.append(step)
            continue
        makers = flow.makers[slot.block]
        whole = len(makers) == 1 and slot.block.value.origin is Origin.COMPUTED
        steps.append(_contraction(step, makers[0]) if whole and _plain(makers[0]) else step)
    return steps


def _plain(step: Step) -> bool:
    """Whether a step only multiplies and sums."""
    statement = step.statement
    return isinstance(statement, Term) and not statement.windows and not statement.ordered


def _contraction(reduction: Step, product: Step) -> Step:
    """The reduction of a product as one step."""
    first, second = product.statement, reduction.statement
    assert isinstance(first, Term) and isinstance(second, Term)  # noqa: S101 - told by _plain
    if second.inputs[0].power != 1:
        return reduction
    outer = {position: key for key, position in reduction.inputs[0].keys.items()}
    # what the product contracts itself keeps out of the way of the names that the reduction uses
    names = {key: outer.get(position, key) for key, position in product.out.keys.items()}
    inner = {key for slot in product.inputs for key in slot.keys} - names.keys()
    names |= {key: (-1 - label, factor) for key in inner for label, factor in [key]}
    slots = tuple(Slot(s.block, {names[key]: p for key, p in s.keys.items()}) for s in product.inputs)
    term = Term(second.out, first.inputs, first.coefficient * second.coefficient)
    return _powers(Step(term, (reduction.out, *slots), {}))


def _centred(lowered: Lowered) -> list[Step]:
    """Replace ``x`` and ``− mean(x)``, added up, by a centring."""
    flow = Flow(lowered)
    centring: dict[Step, Step | None] = {}
    for makers in list(flow.makers.values()):
        if len(makers) == 2 and all(_plain(m) and len(m.inputs) == 1 for m in makers):
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
    if len(makers) != 1 or mean.block.value.origin is not Origin.COMPUTED or not _plain(makers[0]):
        return None
    (average,) = makers
    if len(average.inputs) != 1 or average.inputs[0].block is not source.block:
        return None
    if whole.out.keys.keys() != source.keys.keys() or not mean.keys.keys() <= subtracted.out.keys.keys():
        return None
    of_out = {whole.out.keys[key]: position for key, position in source.keys.items()}
    of_mean = {average.out.keys[key]: p for key, p in average.inputs[0].keys.items() if key in average.out.keys}
    if any(of_out[subtracted.out.keys[key]] != of_mean.get(position) for key, position in mean.keys.items()):
        return None
    gone = set(source.keys.values()) - set(of_mean.values())
    count = prod(source.block.sizes[position] for position in gone)
    if not gone or not _cancels(whole, subtracted, average, count):
        return None
    over = tuple(key for key, position in source.keys.items() if position in gone)
    label = Dim(count)
    assert isinstance(whole.statement, Term)  # noqa: S101 - told by _plain
    return Step(Centre(whole.statement.out, _operand(source), (label,)), whole.slots, {label: over})


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
    while stack:
        for step in flow.makers.get(stack.pop(), ()):
            new = [slot.block for slot in step.inputs if slot.block not in needed]
            needed.update(new)
            stack += new
    steps = [step for step in lowered.steps if step.out.block in needed]
    blocks = [b for b in lowered.blocks if b in needed]
    return replace(lowered, steps=steps, blocks=blocks)

