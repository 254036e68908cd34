"""Axes cut into pieces, and pieces put together."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from .._program.calls import Call, rule
from .._program.dims import Dim, fixed, terms
from .._program.program import Program
from .._program.statements import Axes, Axis
from .._program.values import Value
from .contraction import add_broadcast
from .positions import along
from .shape import of_constants


def cut(program: Program, value: Value, pieces: Sequence[Value], dim: int, starts: Sequence[int]) -> None:
    """Define pieces of a value along one axis; a piece may lack that axis (select)."""
    dim %= len(value.shape)
    for piece, start in zip(pieces, starts, strict=True):
        labels = [Dim(s) for s in value.shape]
        selects = len(piece.shape) < len(value.shape)
        width = Dim(1 if selects else piece.shape[dim])
        source: Axes = [*labels[:dim], Axis((width,), (Dim(start),)), *labels[dim + 1 :]]
        target = [*labels[:dim], *([] if selects else [width]), *labels[dim + 1 :]]
        program.term((piece, target), (value, source))


@rule(
    "split",
    "split_with_sizes",
    "chunk",
    "unbind",
    "unsafe_split",
    "unsafe_chunk",
    "unsafe_split_with_sizes",
    "tensor_split",
)
@of_constants
def split(program: Program, call: Call) -> None:
    """Consecutive pieces of one axis."""
    value, dim = call["self"], call["dim"]
    whole = "unbind" in call.operation._schema.name
    sizes = [1 if whole else out.shape[dim] for out in call.outs]
    cut(program, value, call.outs, dim, [sum(sizes[:i]) for i in range(len(sizes))])


@rule("select")
@of_constants
def select(program: Program, call: Call) -> None:
    """One index of one axis."""
    value, dim = call["self"], call["dim"]
    cut(program, value, [call.out], dim, [call["index"] % value.shape[dim]])


@rule("slice")
@of_constants
def slice_(program: Program, call: Call) -> None:
    """A range of one axis, or every few entries of it."""
    value, dim, step = call["self"], call["dim"] % len(call["self"].shape), call["step"]
    length, count = value.shape[dim], call.out.shape[dim]
    start = call["start"] or 0
    start = max(0, start + length) if start < 0 else min(start, length)
    if call.out.shape == value.shape:
        add_broadcast(program, call.out, value)
    elif step == 1 and (count == 1 or not fixed(value.dims[dim]) or _cut_there(value, dim, start, count)):
        cut(program, value, [call.out], dim, [start])
    elif step * count == length and not fixed(value.dims[dim]):
        rows = program.value([*value.shape[:dim], count, step, *value.shape[dim + 1 :]])
        program.view(rows, value)
        cut(program, rows, [call.out], dim + 1, [start])
    else:
        along(program, call.out, value, [dim], even=True)


def _cut_there(value: Value, dim: int, start: int, count: int) -> bool:
    """Whether an axis falls apart at both ends of a range as it is."""
    bounds = {0, *accumulate(part.size for part in terms(value.dims[dim]))}
    return {start, start + count} <= bounds


@rule("cat")
def concatenate(program: Program, call: Call) -> None:
    """Tensors one after another along one axis."""
    # torch lets an empty one-dimensional tensor pass through any concatenation
    parts = [value for value in call["tensors"] if value.shape != (0,)]
    rank = len(call.out.shape)
    dim, start = call["dim"] % rank, 0
    for value in parts:
        labels = [Dim(s) for s in value.shape]
        target: Axes = [*labels[:dim], Axis((labels[dim],), (Dim(start),)), *labels[dim + 1 :]]
        program.term((call.out, target), (value, labels))
        start += value.shape[dim]


@rule("repeat")
@of_constants
def repeat(program: Program, call: Call) -> None:
    """Copies of the whole, side by side along each axis."""
    value = call["self"]
    times = [Dim(count) for count in call["repeats"]]
    labels = [*(Dim(1) for _ in times[len(value.shape) :]), *(Dim(size) for size in value.shape)]
    source = labels[len(labels) - len(value.shape) :]
    program.term((call.out, list(zip(times, labels, strict=True))), (value, source))


@rule("stack")
def stack(program: Program, call: Call) -> None:
    """Tensors side by side along a new axis."""
    dim = call["dim"] % len(call.out.shape)
    for i, value in enumerate(call["tensors"]):
        labels = [Dim(s) for s in value.shape]
        program.term((call.out, [*labels[:dim], Axis((), (Dim(i),)), *labels[dim:]]), (value, labels))
