"""Whole numbers that say where, seen as one-hot tensors.

Whatever picks or places entries by an index is a contraction with a one-hot tensor. An index that is data
makes a constant one. An index that the network makes (the place of the largest entry, the best k) brings its
own, which moves along with what it was made from. Its numbers are written down only if something computes
with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from .dims import Dim
from .history import Labels, back, copies, makers, maps, read, rearranges
from .program import Program
from .statements import Axes, Pin, Term, View, defined
from .values import Origin, Value


def one_hot(
    program: Program, index: Value, labels: Sequence[Dim | None], count: int
) -> tuple[Value, Labels, Dim]:
    """See an index as a one-hot tensor.

    Args:
        program: The statements so far.
        index: Whole numbers.
        labels: A label for each axis of the index.
        count: The number of places, where the index does not bring it along.

    Returns:
        The one-hot tensor, the labels of all its axes but the last, and the label of the last: the place.
        Axes along which the index was merely repeated are left out.
    """
    index, names = back(program, index, list(labels), copies)
    known = carried(program, index)
    place = Dim(count if known is None else known.shape[-1])
    if known is None:
        index, names = back(program, index, names, maps)
        known = program.value([*index.shape, count])
        program.map((known, [*names, place]), (index, names), ordered=[place], simplex=[place])
    return known, names, place


def carried(program: Program, index: Value) -> Value | None:
    """The one-hot tensor that an index brings along through copies, views, slices and concatenations.

    Args:
        program: The statements so far.
        index: Whole numbers.

    Returns:
        A tensor with one axis more than the index, or None if the index is plain data or computed.
    """
    if index.one_hot is not None:
        return index.one_hot
    made = makers(program, index)
    moves = [statement for statement in made if rearranges(statement)]
    known = [carried(program, *read(statement)) for statement in moves]
    sources = [source for source in known if source is not None]
    counts = {source.shape[-1] for source in sources}
    if len(sources) < len(made) or len(counts) != 1 or sum(map(_covered, moves)) != prod(index.shape):
        return None
    place = Dim(counts.pop())
    out = program.value([*index.shape, place.size])
    for statement, source in zip(moves, sources, strict=True):
        if isinstance(statement, View):
            program.view(out, source)
        else:
            (seen,) = statement.inputs
            axes: list[Axes] = [[*operand.axes, place] for operand in (statement.out, seen)]
            program.term((out, axes[0]), (source, axes[1]))
    return out


def each(program: Program, count: int) -> Value:
    """The one-hot tensor of an index that names every place in turn: equal to itself alone."""
    one, other, place = Dim(count), Dim(count), program.value([count])
    out = program.value([count, count])
    program.map((out, [one, other]), (place, [one]), (place, [other]), simplex=[other])
    return out


def write_numbers(program: Program) -> None:
    """Say what numbers an index holds, if something computes with them."""
    used: set[Value] = set()
    made: set[Value] = set()
    for statement in reversed(program.statements):
        out = defined(statement)
        if not isinstance(statement, Pin):
            made.update(out)
        idle = all(value.origin is Origin.COMPUTED and value not in used for value in out)
        if not (idle and rearranges(statement)):
            used.update(read(statement))
    for index in list(program.values):
        if index.one_hot is None:
            continue
        if index not in used:
            index.origin = Origin.COMPUTED
        elif index not in made and index.origin is Origin.COMPUTED:
            labels, place = [Dim(size) for size in index.shape], Dim(index.one_hot.shape[-1])
            numbers = program.value([place.size], Origin.FIXED)
            program.term((index, labels), (index.one_hot, [*labels, place]), (numbers, [place]))


def _covered(statement: Term | View) -> int:
    """How many entries of its output a rearrangement fills."""
    if isinstance(statement, View):
        return prod(statement.out.shape)
    return prod([label.size for label in statement.out.labels])
