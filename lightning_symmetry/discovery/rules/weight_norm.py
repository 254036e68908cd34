"""Weights that are reparametrised as a direction and a length."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .contraction import broadcast


@rule("_weight_norm_interface")
def weight_norm(program: Program, call: Call) -> None:
    """Out = v · g / ‖v‖, where the norms run over all axes but one."""
    direction, length, (out, norm) = call["v"], call["g"], call.outs
    labels = [Dim(size) for size in direction.shape]
    kept = labels[call["dim"]]
    square = program.value([kept.size])
    program.term((square, [kept]), (direction, labels, 2))
    program.map((norm, broadcast(norm, labels)), (square, [kept]), degree=0.5)
    program.term(
        (out, labels),
        (direction, labels),
        (length, broadcast(length, labels)),
        (norm, broadcast(norm, labels), -1),
    )
