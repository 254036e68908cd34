"""Diagonals: products with the identity, which any change of basis leaves as it is."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim, fixed
from .._program.places import each
from .._program.program import Program
from .._program.statements import Axes, Axis
from .._program.values import Origin, Value


def identity(program: Program, out: Value) -> None:
    """Define ``out`` as ones along the diagonal: g · gᵀ⁻¹ takes it to itself for every g."""
    row, column, both = (Dim(out.shape[0]) for _ in range(3))
    one, dual, trace = program.value([row.size]), program.value([row.size]), program.value([])
    program.term((out, [row, column]), (one, [row]), (dual, [column]))
    program.term((trace, []), (one, [both]), (dual, [both]))
    program.pin([trace], "an identity is one along its diagonal")


def _diagonal(call: Call, rows: int, columns: int) -> tuple[int, tuple[Dim, ...], tuple[Dim, ...]]:
    """The length of a diagonal, and what lies before it in rows and in columns."""
    offset = call.arguments.get("offset", 0)
    below, right = max(-offset, 0), max(offset, 0)
    return min(rows - below, columns - right), (Dim(below),), (Dim(right),)


@rule("diagonal")
def diagonal(program: Program, call: Call) -> None:
    """The entries whose two places are the same, along a last axis."""
    value = call["self"]
    first, second = (call[name] % len(value.shape) for name in ("dim1", "dim2"))
    length, below, right = _diagonal(call, value.shape[first], value.shape[second])
    row, column = Dim(length), Dim(length)
    if fixed(value.dims[first]):
        one = each(program, length)
    else:
        one = program.value([length, length])
        identity(program, one)
    axes: list[Dim | Axis] = [Dim(size) for size in value.shape]
    kept = [label for i, label in enumerate(axes) if i not in (first, second)]
    axes[first], axes[second] = Axis((row,), below), Axis((column,), right)
    program.term((call.out, [*kept, row]), (value, axes), (one, [row, column]))


@rule("diag_embed")
def diag_embed(program: Program, call: Call) -> None:
    """The last axis laid along a diagonal."""
    value, out = call["self"], call.out
    first, second = (call[name] % len(out.shape) for name in ("dim1", "dim2"))
    _, below, right = _diagonal(call, out.shape[first], out.shape[second])
    *kept, row = (Dim(size) for size in value.shape)
    column, one = Dim(row.size), program.value([row.size, row.size])
    identity(program, one)
    rest = iter(kept)
    axes: Axes = [
        Axis((row,), below) if i == first else Axis((column,), right) if i == second else next(rest)
        for i in range(len(out.shape))
    ]
    program.term((out, axes), (value, [*kept, row]), (one, [row, column]))


@rule("trace")
def trace(program: Program, call: Call) -> None:
    """The sum of the diagonal."""
    length = min(call["self"].shape)
    row, column, one = Dim(length), Dim(length), program.value([length, length])
    identity(program, one)
    program.term((call.out, []), (call["self"], [row, column]), (one, [row, column]))


@rule("tril", "tril_", "triu", "triu_")
def triangle(program: Program, call: Call) -> None:
    """The product with a constant mask of the last two axes."""
    labels = [Dim(size) for size in call.out.shape]
    mask = program.value(call.out.shape[-2:], Origin.FIXED)
    program.term((call.out, labels), (call["self"], labels), (mask, labels[-2:]))
