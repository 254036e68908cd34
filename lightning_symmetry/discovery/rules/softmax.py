"""Softmax, also of scores of which a mask leaves only some to be seen."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.history import Labels, back, copies, makers, read
from .._program.program import Program
from .._program.statements import Map, Term
from .._program.values import Value

UNSEEN = -1e4
"""Scores that a mask sets to this or less weigh nothing beside others: their exponentials are zero."""


@rule("_softmax", "_safe_softmax")
def softmax(program: Program, call: Call) -> None:
    """Blind to a shift along its axis, equivariant under permutations of it, and summing to one.

    Where everything is masked, the safe softmax gives zeros.
    """
    labels = [Dim(size) for size in call.out.shape]
    axis = [labels[call["dim"]]] if labels else []
    simplex = axis if call.operation._schema.name == "aten::_softmax" else []
    masked = _masked(program, call["self"], [*labels])
    if masked is None:
        program.map((call.out, labels), (call["self"], labels), absorbs=axis, simplex=simplex)
    else:
        # the softmax of all scores, what is hidden taken away, and made to sum to one again
        scores, mask = masked
        everything = program.value(call.out.shape)
        program.map((everything, labels), scores, absorbs=axis)
        program.map((call.out, labels), (everything, labels), mask, simplex=simplex)


@rule("_log_softmax")
def log_softmax(program: Program, call: Call) -> None:
    """Blind to a shift along its axis, equivariant under permutations of it."""
    labels = [Dim(size) for size in call.out.shape]
    axis = [labels[call["dim"]]] if labels else []
    program.map((call.out, labels), (call["self"], labels), absorbs=axis)


Seen = tuple[Value, Labels]


def _masked(program: Program, value: Value, labels: Labels) -> tuple[Seen, Seen] | None:
    """The scores of which a mask hides some, and the mask, if that is how a value was made."""
    value, names = back(program, value, labels, copies)
    terms = [term for term in makers(program, value) if isinstance(term, Term) and len(term.inputs) == 2]
    if len(terms) != 2 or len({_of(program, term.inputs[1].value) for term in terms}) != 1:
        return None
    for filled, shown in (terms, terms[::-1]):
        number = filled.inputs[0].value.number
        if number is not None and number <= UNSEEN:
            called = dict(zip((axis.labels for axis in shown.out.axes), names, strict=True))
            scores, mask = (
                (seen.value, [called.get(axis.labels) for axis in seen.axes]) for seen in shown.inputs
            )
            return scores, mask
    return None


def _of(program: Program, mask: Value) -> Value:
    """What a value is a function of, if it is one of a single other."""
    made = makers(program, mask)
    single = len(made) == 1 and isinstance(made[0], Map) and len(read(made[0])) == 1
    return read(made[0])[0] if single else mask
