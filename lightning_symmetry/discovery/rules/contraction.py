"""Matrix products."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.values import Value


def _product(program: Program, out: Value, left: Value, right: Value, coefficient: float = 1) -> None:
    """Add left @ right to out; all leading axes are batch axes."""
    *batch, rows, inner = (Dim(size) for size in left.shape)
    columns = Dim(right.shape[-1])
    program.term(
        (out, [*batch, rows, columns]),
        (left, [*batch, rows, inner]),
        (right, [*batch, inner, columns]),
        coefficient=coefficient,
    )


@rule("mm", "bmm")
def matrix_product(program: Program, call: Call) -> None:
    """Out = left @ right."""
    left, right = list(call.arguments.values())[:2]
    _product(program, call.out, left, right)


@rule("addmm", "baddbmm")
def matrix_product_with_bias(program: Program, call: Call) -> None:
    """Out = beta · self + alpha · left @ right."""
    bias, left, right = list(call.arguments.values())[:3]
    _product(program, call.out, left, right, coefficient=call["alpha"])
    add_broadcast(program, call.out, bias, coefficient=call["beta"])


@rule("linear")
def linear(program: Program, call: Call) -> None:
    """Out = input @ weightᵀ + bias."""
    data, weight = call["input"], call["weight"]
    *batch, inner = (Dim(size) for size in data.shape)
    columns = Dim(weight.shape[0])
    program.term((call.out, [*batch, columns]), (data, [*batch, inner]), (weight, [columns, inner]))
    if call["bias"] is not None:
        add_broadcast(program, call.out, call["bias"])


@rule("mv")
def matrix_vector(program: Program, call: Call) -> None:
    """Out = matrix @ vector."""
    matrix, vector = call["self"], call["vec"]
    rows, inner = (Dim(size) for size in matrix.shape)
    program.term((call.out, [rows]), (matrix, [rows, inner]), (vector, [inner]))


@rule("dot")
def dot(program: Program, call: Call) -> None:
    """Out = Σ self · tensor."""
    inner = Dim(call["self"].shape[0])
    program.term((call.out, []), (call["self"], [inner]), (call["tensor"], [inner]))


def add_broadcast(program: Program, out: Value, term: Value, coefficient: float = 1) -> None:
    """Add a term to ``out``, its axes aligned from the right as torch broadcasts."""
    labels = [Dim(size) for size in out.shape]
    program.term((out, labels), (term, broadcast(term, labels)), coefficient=coefficient)


def broadcast(value: Value, labels: list[Dim]) -> list[Dim | None]:
    """Label the axes of an operand that is broadcast to ``labels``."""
    aligned = labels[len(labels) - len(value.shape) :]
    return [label if size != 1 else None for label, size in zip(aligned, value.shape, strict=True)]
