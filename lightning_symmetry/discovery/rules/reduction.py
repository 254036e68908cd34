"""Operations that reduce axes."""

from __future__ import annotations

from math import prod

from .._calls import Call, rule
from .._dims import Dim
from .._program import Program
from .._values import Value


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


@rule(
    "amax",
    "amin",
    "max",
    "min",
    "logsumexp",
    "linalg_vector_norm",
    "norm",
    "var",
    "std",
    "prod",
    "any",
    "all",
)
def nonlinear_reduction(program: Program, call: Call) -> None:
    """A symmetric function of the entries along some axes."""
    name = call.operation._schema.name.removeprefix("aten::")
    degree = {"var": 2, "logsumexp": None, "prod": None, "any": None, "all": None}.get(name, 1)
    if name in {"linalg_vector_norm", "norm"} and (call.arguments.get("ord", call.arguments.get("p")) == 0):
        degree = 0  # the number of entries that are not zero
    even = name in {"linalg_vector_norm", "norm", "var", "std"}
    labels, kept, _ = _labels(call, call["self"], call.out)
    value = call["self"]
    if name in {"var", "std"}:
        value = program.centre(value, labels, [labels[i] for i in reduced(call, len(labels))])
    program.map((call.out, kept), (value, labels), degree=degree, parity=1 if even else 0)
    # positions of the extremes are data, not a space
    if len(call.outs) > 1:
        program.pin(call.outs[1:], "indices of extremes")


@rule("var_mean", "std_mean")
def moments(program: Program, call: Call) -> None:
    """Variance or deviation, and mean."""
    labels, kept, count = _labels(call, call["self"], call.out)
    centred = program.centre(call["self"], labels, [labels[i] for i in reduced(call, len(labels))])
    degree = 2 if "var" in call.operation._schema.name else 1
    program.map((call.outs[0], kept), (centred, labels), degree=degree, parity=1)
    program.term((call.outs[1], kept), (call["self"], labels), coefficient=1 / count)


@rule("argmax", "argmin")
def extreme_place(program: Program, call: Call) -> None:
    """Where the extreme stands: blind to a shift along its axis, but tells all places apart."""
    labels, kept, _ = _labels(call, call["self"], call.out)
    over = [labels[i] for i in reduced(call, len(labels))]
    program.map((call.out, kept), (call["self"], labels), absorbs=over, ordered=over)
