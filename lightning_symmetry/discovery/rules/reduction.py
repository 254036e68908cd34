"""Operations that reduce axes."""

from __future__ import annotations

from math import prod

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Value


def reduced(call: Call, rank: int) -> list[int]:
    """The axes that a call reduces."""
    dim = call.arguments.get("dim")
    dims = range(rank) if dim is None or dim == [] else dim if isinstance(dim, (list, tuple)) else [dim]
    return [int(d) % rank if rank else 0 for d in dims]


def _labels(call: Call, value: Value, out: Value) -> tuple[list[Dim], list[Dim | None], int]:
    labels = [Dim(size) for size in value.shape]
    gone = set(reduced(call, len(labels)))
    keeps = len(out.shape) == len(labels)
    kept = [None if i in gone else label for i, label in enumerate(labels) if keeps or i not in gone]
    return labels, kept, prod(label.size for i, label in enumerate(labels) if i in gone)


@rule("sum", "mean")
def linear_reduction(program: Program, call: Call) -> None:
    """Sum or mean over some axes."""
    labels, kept, count = _labels(call, call["self"], call.out)
    mean = "mean" in call.operation._schema.name
    program.term((call.out, kept), (call["self"], labels), coefficient=1 / count if mean else 1)


@rule("amax", "amin", "logsumexp", "prod", "any", "all")
def nonlinear_reduction(program: Program, call: Call) -> None:
    """A symmetric function of the entries along some axes."""
    name = call.operation._schema.name.removeprefix("aten::")
    labels, kept, _ = _labels(call, call["self"], call.out)
    degree = 1 if name in {"amax", "amin"} else None
    program.map((call.out, kept), (call["self"], labels), degree=degree)


@rule("linalg_vector_norm", "norm")
def norm(program: Program, call: Call) -> None:
    """The length is the root of a sum of squares; other norms are even functions of all entries."""
    labels, kept, _ = _labels(call, call["self"], call.out)
    order = call.arguments.get("ord", call.arguments.get("p"))
    if order in (None, 2):
        _root(program, call.out, _square(program, call["self"], labels, kept), kept)
    else:
        # the norm of order 0 is the number of entries that are not zero
        program.map((call.out, kept), (call["self"], labels), degree=0 if order == 0 else 1, parity=1)


@rule("var", "std", "var_mean", "std_mean")
def moments(program: Program, call: Call) -> None:
    """Variance or standard deviation, and the mean where it is asked for."""
    name = call.operation._schema.name
    labels, kept, count = _labels(call, call["self"], call.out)
    centred = program.centre(call["self"], labels, [labels[i] for i in reduced(call, len(labels))])
    if "var" in name:
        program.term((call.out, kept), (centred, labels, 2))
    else:
        _root(program, call.out, _square(program, centred, labels, kept), kept)
    if "mean" in name:
        program.term((call.outs[1], kept), (call["self"], labels), coefficient=1 / count)


def _square(program: Program, value: Value, labels: Axes, kept: Axes) -> Value:
    square = program.value([label.size if isinstance(label, Dim) else 1 for label in kept])
    program.term((square, kept), (value, labels, 2))
    return square


def _root(program: Program, out: Value, square: Value, axes: Axes) -> None:
    program.map((out, axes), (square, axes), degree=0.5)
