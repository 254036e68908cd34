"""Distances between all pairs of vectors."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Origin, Value


def distances(program: Program, out: Value, one: Value, other: Value, order: float) -> None:
    """Define out[…, p, r] as the norm of one[…, p, :] − other[…, r, :]."""
    *batch, rows, columns = (Dim(size) for size in out.shape)
    inner = Dim(one.shape[-1])
    axes: Axes = [*batch, rows, columns, inner]
    difference = program.value([*out.shape, inner.size])
    for value, vectors, sign in ((one, rows, 1), (other, columns, -1)):
        program.term((difference, axes), (value, [*_last(batch, value), vectors, inner]), coefficient=sign)
    if order == 2:
        square = program.value(out.shape)
        program.term((square, axes[:-1]), (difference, axes, 2))
        program.map((out, axes[:-1]), (square, axes[:-1]), degree=0.5)
    else:
        # the norm of order 0 is the number of entries that are not zero
        program.map((out, axes[:-1]), (difference, axes), degree=0 if order == 0 else 1, parity=1)


def _last(batch: list[Dim], value: Value) -> Axes:
    """The batch axes of a value that is broadcast."""
    sizes = value.shape[:-2]
    own = batch[len(batch) - len(sizes) :]
    return [label if size != 1 else None for label, size in zip(own, sizes, strict=True)]


@rule("_cdist_forward", "_euclidean_dist")
def all_distances(program: Program, call: Call) -> None:
    """Between the vectors of two lists."""
    distances(program, call.out, call["x1"], call["x2"], call.arguments.get("p", 2.0))


@rule("_pdist_forward")
def own_distances(program: Program, call: Call) -> None:
    """Between the vectors of one list, each pair once."""
    value = call["self"]
    count = value.shape[0]
    both = program.value([count, count])
    distances(program, both, value, value, call["p"])
    one, other, pair = Dim(count), Dim(count), Dim(call.out.shape[0])
    which = program.value([pair.size, count, count], Origin.FIXED)
    program.term((call.out, [pair]), (both, [one, other]), (which, [pair, one, other]))
