"""Operations that only rearrange entries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from .._program.attempt import attempt
from .._program.calls import Call, Rule, rule
from .._program.dims import Dim, StructureConflict, product
from .._program.program import Program
from .._program.unify import align
from .._program.values import Origin, Value
from .contraction import add_broadcast
from .pointwise import pointwise


def of_constants(meaning: Rule) -> Rule:
    """Copies and parts of a constant are that constant."""

    def define(program: Program, call: Call) -> None:
        source: Value = call["src" if "src" in call.arguments else "self"]
        if source.origin in (Origin.FILL, Origin.ZERO) and not call.rounds:
            for out in call.outs:
                out.origin, out.number = source.origin, source.number
        else:
            meaning(program, call)

    return define


@rule(
    "detach",
    "alias",
    "clone",
    "_to_copy",
    "contiguous",
    "copy",
    "detach_",
    "_conj",
    "positive",
)
@of_constants
def identity(program: Program, call: Call) -> None:
    """The same entries in the same places, unless they are rounded to whole numbers."""
    source = call.arguments.get("src", call.arguments.get("self"))
    _copied(program, call, source)


@rule("copy_")
@of_constants
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
    "squeeze_",
    "unsqueeze_",
)
@of_constants
def view(program: Program, call: Call) -> None:
    """The same entries in the same order, other axes: both are products of the same factors."""
    try:
        with attempt():
            program.view(call.out, call["self"])
    except StructureConflict:
        _view_in_parts(program, call.out, call["self"])


def _view_in_parts(program: Program, out: Value, value: Value) -> None:
    """Pin the axes that share no factors with what becomes of them, and only those."""
    between: list[int] = []
    axes: list[Dim] = []
    target: list[Dim] = []
    windows: list[tuple[Dim, Dim]] = []
    for old, new in _groups(value.dims, out.dims):
        after = [Dim(dim.size) for dim in new]
        try:
            with attempt():
                align(old, new)
            before = after
        except StructureConflict:
            before = [Dim(dim.size) for dim in old]
            windows += [(one, other) for one in before for other in after]
        between += [label.size for label in before]
        axes, target = [*axes, *before], [*target, *after]
    aligned = program.value(between)
    program.view(aligned, value)
    program.term((out, target), (aligned, axes), windows=windows, even=False)


def _groups(old: Sequence[Dim], new: Sequence[Dim]) -> Iterator[tuple[list[Dim], list[Dim]]]:
    """Runs of axes that a view turns into each other."""
    left, right = list(old)[::-1], list(new)[::-1]
    while left or right:
        one, other = left[-1:], right[-1:]
        del left[-1:], right[-1:]
        while (excess := product(one).size - product(other).size) != 0:
            (other if excess > 0 else one).append((right if excess > 0 else left).pop())
        yield one, other


@rule("t", "transpose", "permute", "numpy_T", "mT", "t_", "transpose_")
@of_constants
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
@of_constants
def expand(program: Program, call: Call) -> None:
    """Axes of length one repeated."""
    add_broadcast(program, call.out, call["self"])
