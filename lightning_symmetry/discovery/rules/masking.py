"""Masks: products with a mask and with its complement."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.values import Origin, Value
from .contraction import add_broadcast, broadcast
from .pointwise import pointwise

NEVER = -1e20
"""Numbers below swallow whatever is added to them, in any floating-point type: they stand for −∞."""


@rule("ge", "ge_", "gt", "gt_", "le", "le_", "lt", "lt_", "ne", "ne_")
def compare(program: Program, call: Call) -> None:
    """Which entries lie on which side of others; a comparison with zero does not see positive factors."""
    operands = [v for v in (call["self"], call["other"]) if isinstance(v, Value)]
    against_zero = len(operands) == 1 and call["other"] == 0
    pointwise(program, call.out, *operands, degree=0 if against_zero else None)


@rule("where")
def where(program: Program, call: Call) -> None:
    """One tensor where the mask is true, another where it is not."""
    _blend(program, call.out, call["condition"], call["self"], call["other"])


@rule("masked_fill", "masked_fill_")
def masked_fill(program: Program, call: Call) -> None:
    """A number where the mask is true."""
    number = call["value"]
    if not isinstance(number, Value):
        value = program.value([], Origin.FILL if number else Origin.ZERO)
        value.number = None if isinstance(number, complex) else float(number)
        number = value
    _blend(program, call.out, call["mask"], number, call["self"])


def _blend(program: Program, out: Value, mask: Value, one: Value, other: Value) -> None:
    for value, rest in ((one, other), (other, one)):
        if value.number is not None and value.number <= NEVER:
            # x where it is shown and −∞ where it is not is x + (0 or −∞)
            add_broadcast(program, out, rest)
            add_broadcast(program, out, _of_mask(program, mask))
            return
    if one.origin is other.origin is Origin.ZERO:
        out.origin = Origin.ZERO
    for value in (one, other):
        if value.origin is not Origin.ZERO:
            labels, shown = [Dim(size) for size in out.shape], _of_mask(program, mask)
            program.term((out, labels), (value, broadcast(value, labels)), (shown, broadcast(shown, labels)))


def _of_mask(program: Program, mask: Value) -> Value:
    """Some function of a mask."""
    labels, out = [Dim(size) for size in mask.shape], program.value(mask.shape)
    program.map((out, labels), (mask, labels))
    return out
