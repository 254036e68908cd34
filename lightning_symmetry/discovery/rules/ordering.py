"""Ordering entries: sorting, the best k, the largest.

Which entry comes k-th is a one-hot tensor, a function of all entries along the axis: it does not see a common
shift or a common positive factor, and it moves along with a permutation of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.history import Labels
from .._program.program import Program
from .._program.values import Value
from .indexing import axis_of
from .reduction import reduced


def _standing(
    program: Program,
    value: Value,
    axes: Sequence[Dim],
    along: Sequence[Dim],
    kept: Labels,
    ranks: Sequence[Dim] = (),
) -> Value:
    """Which entries along some axes stand at the ranks: the axes that are kept, then all places."""
    centred = program.centre(value, axes, along)
    sizes = [1 if label is None else label.size for label in kept]
    out = program.value([*sizes, prod(label.size for label in along)])
    program.map((out, [*kept, tuple(along)]), (centred, axes), degree=0, ordered=ranks, simplex=along)
    return out


@rule("topk", "sort")
def rank(program: Program, call: Call) -> None:
    """The entries in order, all or the first few, and where they were."""
    value = call["self"]
    dim, labels = axis_of(call, value), [Dim(size) for size in value.shape]
    standing = Dim(call.out.shape[dim])
    kept: Labels = [*labels[:dim], standing, *labels[dim + 1 :]]
    hot = _standing(program, value, labels, [labels[dim]], kept, [standing])
    program.term((call.out, kept), (hot, [*kept, labels[dim]]), (value, labels))
    call.outs[1].one_hot = hot


@rule("max", "min", "median", "nanmedian", "kthvalue")
def single(program: Program, call: Call) -> None:
    """The entry of one rank along an axis and where it was, or the one among all entries."""
    value = call["self"]
    labels, along, kept = _reducing(call, value)
    hot = _standing(program, value, labels, along, kept)
    program.term((call.out, kept), (hot, [*kept, tuple(along)]), (value, labels))
    if len(call.outs) > 1:
        call.outs[1].one_hot = hot


@rule("argmax", "argmin")
def place(program: Program, call: Call) -> None:
    """Where the largest or the smallest entry is."""
    labels, along, kept = _reducing(call, call["self"])
    call.out.one_hot = _standing(program, call["self"], labels, along, kept)


@rule("aminmax")
def extremes(program: Program, call: Call) -> None:
    """The smallest and the largest entry."""
    labels, _, kept = _reducing(call, call["self"])
    for out in call.outs:
        program.map((out, kept), (call["self"], labels), degree=1)


def _reducing(call: Call, value: Value) -> tuple[list[Dim], list[Dim], Labels]:
    """Labels of a value, of the axes that disappear, and of those that the result keeps."""
    labels = [Dim(size) for size in value.shape]
    gone = set(reduced(call, len(labels)))
    keeps = len(call.out.shape) == len(labels)
    kept = [None if i in gone else label for i, label in enumerate(labels) if keeps or i not in gone]
    return labels, [label for i, label in enumerate(labels) if i in gone], kept
