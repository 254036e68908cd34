"""Picking entries by an index: contractions with its one-hot tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict
from .._program.history import Labels
from .._program.places import one_hot
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Value
from .contraction import broadcast


def axis_of(call: Call, value: Value) -> int:
    """The axis of a value along which a call works."""
    if not value.shape:
        raise StructureConflict("an index of a tensor without axes")
    return int(call["dim"]) % len(value.shape)


@rule("gather")
def gather(program: Program, call: Call) -> None:
    """One entry for each entry of the index, which has as many axes."""
    value, index = call["self"], call["index"]
    dim, labels = axis_of(call, value), [Dim(size) for size in index.shape]
    hot, names, place = one_hot(program, index, labels, value.shape[dim])
    source = [*labels[:dim], place, *labels[dim + 1 :]]
    program.term((call.out, labels), (hot, [*names, place]), (value, source))


@rule("index_select")
def index_select(program: Program, call: Call) -> None:
    """Some places along one axis."""
    value, index = call["self"], call["index"]
    dim, labels = axis_of(call, value), [Dim(size) for size in call.out.shape]
    hot, names, place = one_hot(program, index, labels[dim : dim + len(index.shape)], value.shape[dim])
    source = [*labels[:dim], place, *labels[dim + 1 :]]
    program.term((call.out, labels), (hot, [*names, place]), (value, source))


@rule("embedding")
def embedding(program: Program, call: Call) -> None:
    """Some rows of a table."""
    table, index = call["weight"], call["indices"]
    labels = [Dim(size) for size in call.out.shape]
    hot, names, place = one_hot(program, index, labels[:-1], table.shape[0])
    program.term((call.out, labels), (hot, [*names, place]), (table, [place, labels[-1]]))


@rule("take")
def take(program: Program, call: Call) -> None:
    """Entries of the flattened tensor."""
    value, labels = call["self"], [Dim(size) for size in call.out.shape]
    flat = program.value([prod(value.shape)])
    program.view(flat, value)
    hot, names, place = one_hot(program, call["index"], labels, flat.shape[0])
    program.term((call.out, labels), (hot, [*names, place]), (flat, [place]))


@dataclass(frozen=True)
class Indexed:
    """A tensor under a list of indices, one an axis.

    ``source`` labels the axes of the tensor, ``picked`` what the indices run over, ``target`` the axes of the
                result; ``factors`` are the one-hot tensors.
    """

    source: list[Dim]
    picked: list[Dim]
    target: list[Dim]
    factors: list[tuple[Value, Labels]]


def where_indexed(call: Call, indices: Sequence[Value | None]) -> list[int]:
    """The axes that a list of indices replaces: a mask replaces as many as it has."""
    axes: list[int] = []
    axis = 0
    for index in indices:
        width = len(index.shape) if index in call.masks else 1
        if index is not None:
            axes += range(axis, axis + width)
        axis += width
    if not axes:
        raise StructureConflict("a mask without axes")
    return axes


def indexed(
    program: Program, call: Call, value: Value, indices: Sequence[Value | None], picks: Sequence[int]
) -> Indexed:
    """See a tensor under a list of indices; ``picks`` is the shape to which they broadcast."""
    axes = where_indexed(call, indices)
    source, picked = [Dim(size) for size in value.shape], [Dim(size) for size in picks]
    factors: list[tuple[Value, Labels]] = []
    left = iter(axes)
    for index in indices:
        if index is None:
            continue
        if index in call.masks:
            within = [source[next(left)] for _ in index.shape]
            factors.append(chosen_by_mask(program, index, picked[-1], within))
        else:
            axis = next(left)
            hot, names, source[axis] = one_hot(program, index, broadcast(index, picked), value.shape[axis])
            factors.append((hot, [*names, source[axis]]))
    kept = [label for i, label in enumerate(source) if i not in axes]
    start = start_of(axes)
    return Indexed(source, picked, [*kept[:start], *picked, *kept[start:]], factors)


def start_of(axes: Sequence[int]) -> int:
    """Where the axes of the indices go: where those that they replace were, or first if these lie apart."""
    return axes[0] if axes[-1] - axes[0] == len(axes) - 1 else 0


def chosen_by_mask(program: Program, mask: Value, picked: Dim, within: list[Dim]) -> tuple[Value, Labels]:
    """A mask picks the places where it is true, in order."""
    hot, axes = program.value([picked.size, *mask.shape]), [picked, *within]
    program.map((hot, axes), (mask, within), ordered=axes, simplex=within)
    return hot, list(axes)


@rule("index", "_unsafe_index")
def index(program: Program, call: Call) -> None:
    """Entries picked along several axes at once."""
    indices = call["indices"]
    start = start_of(where_indexed(call, indices))
    rank = max(1 if i in call.masks else len(i.shape) for i in indices if i is not None)
    seen = indexed(program, call, call["self"], indices, call.out.shape[start : start + rank])
    pick(program, call.out, seen.target, seen.factors, call["self"], seen.source)


def pick(
    program: Program,
    out: Value,
    target: Sequence[Dim],
    factors: Sequence[tuple[Value, Sequence[Dim | None]]],
    value: Value,
    source: Sequence[Dim],
) -> None:
    """Define ``out`` by contracting a value with one-hot tensors, one axis after another."""
    axes = list(source)
    *first, last = [factor for factor in factors if _chooses(factor[1], target)] or factors[:1]
    for hot, names in first:
        new = [label for label in names if label in target and label not in axes]
        left = [label for label in axes if label in target or label not in names]
        left += [label for label in new if label is not None]
        partial = program.value([label.size for label in left])
        program.term((partial, left), (hot, list(names)), (value, axes))
        value, axes = partial, left
    hot, names = last
    program.term((out, list(target)), (hot, list(names)), (value, axes))


def _chooses(names: Sequence[Dim | None], target: Sequence[Dim]) -> bool:
    """Whether there is more than one place to choose from."""
    return any(label is not None and label.size > 1 and label not in target for label in names)


MAXIMUM = 2
"""How torch numbers the bags of which the largest entries are kept."""


@rule("_embedding_bag", "_embedding_bag_forward_only")
def embedding_bag(program: Program, call: Call) -> None:
    """Sums, means or largest entries of bags of rows of a table."""
    table, index, offsets, weights = (
        call[name] for name in ("weight", "indices", "offsets", "per_sample_weights")
    )
    bag, feature = (Dim(size) for size in call.out.shape)
    (row,), (start,) = ([Dim(size) for size in value.shape] for value in (index, offsets))
    hot, names, place = one_hot(program, index, [row], table.shape[0])
    if call["mode"] == MAXIMUM:
        rows = program.value([row.size, feature.size])
        program.term((rows, [row, feature]), (hot, [*names, place]), (table, [place, feature]))
        program.map((call.out, [bag, feature]), (rows, [row, feature]), degree=1, ordered=[bag, row])
        program.pin([offsets], "bags of rows")
        return
    bags: tuple[Value, Axes] = (program.value([bag.size, row.size]), [bag, row])
    program.map(bags, (offsets, [start]), ordered=[bag, row, start])
    factors: list[tuple[Value, Axes]] = [] if weights is None else [(weights, [row])]
    program.term(
        (call.out, [bag, feature]), bags, (hot, [*names, place]), (table, [place, feature]), *factors
    )
