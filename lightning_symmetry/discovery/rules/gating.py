"""Gated units."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.program import Program
from .pieces import cut
from .pointwise import pointwise, product


@rule("glu")
def gated(program: Program, call: Call) -> None:
    """First half times the sigmoid of the second."""
    value, dim = call["self"], call["dim"]
    half = value.shape[dim] // 2
    first, second, gate = (program.value(call.out.shape) for _ in range(3))
    cut(program, value, [first, second], dim, [0, half])
    pointwise(program, gate, second)
    product(program, call.out, first, gate, 1)
