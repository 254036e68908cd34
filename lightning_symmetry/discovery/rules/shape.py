"""Operations that only rearrange entries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._calls import Call, rule
from .._dims import Dim
from .._program import Axes, Axis, Program
from .._values import Value
from .contraction import add_broadcast
from .pointwise import pointwise


@rule(
    "detach",
    "alias",
    "clone",
    "_to_copy",
    "contiguous",
    "lift_fresh",
    "lift_fresh_copy",
    "copy",
    "detach_",
    "_conj",
    "positive",
)
def identity(program: Program, call: Call) -> None:
    """The same entries in the same places, unless they are rounded to whole numbers."""
    source = call.arguments.get("src", call.arguments.get("self"))
    _copied(program, call, source)


@rule("copy_")
def overwrite(program: Program, call: Call) -> None:
    """The entries of another tensor, broadcast."""
    _copied(program, call, call["src"])


def _copied(program: Program, call: Call, source: Any) -> None:
    if call.rounds:
        pointwise(program, call.out, source)
    else:
        add_broadcast(program, call.out, source)


@rule(
    "view",
    "_unsafe_view",
    "reshape",
    "_reshape_alias",
    "unsqueeze",
    "squeeze",
    "flatten",
    "unflatten",
    "unsqueeze_",
)
def view(program: Program, call: Call) -> None:
    """The same entries in the same order, other axes: both are products of the same factors."""
    program.view(call.out, call["self"])


@rule("t", "transpose", "permute", "numpy_T", "mT", "t_", "transpose_")
def permute(program: Program, call: Call) -> None:
    """The same axes in another order."""
    source = call["self"]
    rank = len(source.shape)
    order = list(range(rank))
    if "dims" in call.arguments:
        order = [d % rank for d in call["dims"]]
    elif "dim0" in call.arguments:
        if rank:
            one, other = call["dim0"] % rank, call["dim1"] % rank
            order[one], order[other] = other, one
    else:
        order.reverse()
    labels = [Dim(s) for s in source.shape]
    program.term((call.out, [labels[d] for d in order]), (source, labels))


@rule("expand", "broadcast_to")
def expand(program: Program, call: Call) -> None:
    """Axes of length one repeated."""
    add_broadcast(program, call.out, call["self"])


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
def split(program: Program, call: Call) -> None:
    """Consecutive pieces of one axis."""
    value, dim = call["self"], call["dim"]
    whole = "unbind" in call.operation._schema.name
    sizes = [1 if whole else out.shape[dim] for out in call.outs]
    cut(program, value, call.outs, dim, [sum(sizes[:i]) for i in range(len(sizes))])


@rule("select")
def select(program: Program, call: Call) -> None:
    """One index of one axis."""
    value, dim = call["self"], call["dim"]
    cut(program, value, [call.out], dim, [call["index"] % value.shape[dim]])


@rule("slice")
def slice_(program: Program, call: Call) -> None:
    """A range of one axis."""
    value, dim = call["self"], call["dim"]
    length = value.shape[dim]
    start = call["start"] or 0
    start = max(0, start + length) if start < 0 else min(start, length)
    if call["step"] != 1:
        program.pin([value, call.out], "a slice with steps")
    elif call.out.shape == value.shape:
        add_broadcast(program, call.out, value)
    else:
        cut(program, value, [call.out], dim, [start])


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


@rule("stack")
def stack(program: Program, call: Call) -> None:
    """Tensors side by side along a new axis."""
    dim = call["dim"] % len(call.out.shape)
    for i, value in enumerate(call["tensors"]):
        labels = [Dim(s) for s in value.shape]
        program.term((call.out, [*labels[:dim], Axis((), (Dim(i),)), *labels[dim:]]), (value, labels))


@rule("constant_pad_nd")
def pad(program: Program, call: Call) -> None:
    """Constant borders; zeros belong to any space, other numbers to none."""
    value, padding = call["self"], list(call["pad"])
    if call["value"] != 0 or min(padding) < 0:
        program.pin([value, call.out], "padding with a number, or cropping")
        return
    labels = [Dim(s) for s in value.shape]
    before = dict(zip(range(len(labels))[::-1], padding[::2], strict=False))
    target = [Axis((label,), (Dim(before.get(i, 0)),)) for i, label in enumerate(labels)]
    program.term((call.out, target), (value, labels))
