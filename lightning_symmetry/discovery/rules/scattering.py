"""Placing entries by an index: contractions with its one-hot tensor, over what is already there."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import torch

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict
from .._program.history import Labels
from .._program.places import one_hot
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Origin, Value
from .contraction import add_broadcast, broadcast
from .indexing import axis_of, indexed, where_indexed

Factor = tuple[Value, Axes]
Places = tuple[list[Dim], Factor, list[Dim]]
"""Labels of the axes of the result, the one-hot tensor, and labels of the axes of what is placed."""


def _add(
    program: Program, call: Call, target: Axes, factors: Sequence[Factor], coefficient: float = 1
) -> None:
    """Add entries to what is there."""
    add_broadcast(program, call.out, call["self"])
    program.term((call.out, target), *factors, coefficient=coefficient)


def _overwrite(
    program: Program,
    call: Call,
    target: list[Dim],
    hots: Sequence[Factor],
    factors: Sequence[Factor],
    coefficient: float = 1,
) -> None:
    """Put entries in place of what is there; where several meet, their order decides."""
    base, seen = call["self"], {label for _, labels in hots for label in labels}
    meeting = [label for label in seen if isinstance(label, Dim) and label not in target]
    if base.origin is not Origin.ZERO:
        if [label.size for label in target] != list(base.shape):
            raise StructureConflict("a part is overwritten by index")
        touched = [label for label in target if label in seen]
        kept = program.value([label.size for label in touched])
        program.map((kept, touched), *hots, ordered=meeting)
        program.term((call.out, target), (base, target), (kept, touched))
    if coefficient and all(value.origin is not Origin.ZERO for value, _ in factors):
        program.term((call.out, target), *hots, *factors, coefficient=coefficient, ordered=meeting)
    elif base.origin is Origin.ZERO:
        call.out.origin = Origin.ZERO


def _number(program: Program, number: complex) -> tuple[list[Factor], float]:
    """A number as a coefficient, or as a constant where it is not finite."""
    if isinstance(number, complex):
        raise StructureConflict("a complex number")
    return ([], float(number)) if isfinite(number) else ([(program.value([], Origin.FILL), [])], 1)


def _by_entry(program: Program, call: Call) -> Places:
    """An index that gives every entry of the source its place along one axis."""
    value, index = call["self"], call["index"]
    dim, labels = axis_of(call, value), [Dim(size) for size in index.shape]
    hot, names, place = one_hot(program, index, labels, value.shape[dim])
    return [*labels[:dim], place, *labels[dim + 1 :]], (hot, [*names, place]), labels


def _by_slice(program: Program, call: Call) -> Places:
    """An index that gives every slice of the source its place along one axis."""
    value, index = call["self"], call["index"]
    dim, labels = axis_of(call, value), [Dim(size) for size in value.shape]
    picked = [Dim(size) for size in index.shape]
    hot, names, place = one_hot(program, index, picked, value.shape[dim])
    source = [*labels[:dim], *(picked or [Dim(1)]), *labels[dim + 1 :]]
    return [*labels[:dim], place, *labels[dim + 1 :]], (hot, [*names, place]), source


@rule("scatter", "scatter_")
def scatter(program: Program, call: Call) -> None:
    """Every entry of the source to the place that the index names."""
    target, hot, labels = _by_entry(program, call)
    factors, coefficient = (
        ([(call["src"], labels)], 1.0) if "src" in call.arguments else _number(program, call["value"])
    )
    reduce = call.arguments.get("reduce")
    if reduce is None:
        _overwrite(program, call, target, [hot], factors, coefficient)
    elif reduce == "add":
        _add(program, call, target, [hot, *factors], coefficient)
    else:
        raise StructureConflict("a scatter that multiplies")


@rule("scatter_add", "scatter_add_")
def scatter_add(program: Program, call: Call) -> None:
    """Every entry of the source added at the place that the index names."""
    target, hot, labels = _by_entry(program, call)
    _add(program, call, target, [hot, (call["src"], labels)])


@rule("index_add", "index_add_")
def index_add(program: Program, call: Call) -> None:
    """Slices added at places along one axis."""
    target, hot, source = _by_slice(program, call)
    _add(program, call, target, [hot, (call["source"], source)], call["alpha"])


@rule("index_copy", "index_copy_")
def index_copy(program: Program, call: Call) -> None:
    """Slices put at places along one axis."""
    target, hot, source = _by_slice(program, call)
    _overwrite(program, call, target, [hot], [(call["source"], source)])


@rule("index_fill", "index_fill_")
def index_fill(program: Program, call: Call) -> None:
    """One number put at places along one axis."""
    target, hot, _ = _by_slice(program, call)
    if isinstance(call["value"], Value):
        _overwrite(program, call, target, [hot], [(call["value"], [])])
    else:
        _overwrite(program, call, target, [hot], *_number(program, call["value"]))


@rule("scatter_reduce", "scatter_reduce_")
def scatter_reduce(program: Program, call: Call) -> None:
    """The sum, mean or extreme of the entries that meet at a place."""
    _reduce(program, call, _by_entry(program, call), call["src"])


@rule("index_reduce", "index_reduce_")
def index_reduce(program: Program, call: Call) -> None:
    """The mean or extreme of the slices that meet at a place."""
    _reduce(program, call, _by_slice(program, call), call["source"])


def _reduce(program: Program, call: Call, places: Places, source: Value) -> None:
    target, (hot, axes), labels = places
    base, factor = call["self"], (source, labels)
    if call["reduce"] == "sum" and call["include_self"]:
        _add(program, call, target, [(hot, axes), factor])
    elif call["reduce"] in ("sum", "mean") and base.origin is Origin.ZERO:
        share: Factor = (program.value(hot.shape), axes)
        program.map(share, (hot, axes), ordered=[a for a in labels if a not in target])
        program.term((call.out, target), share, factor)
    elif call["reduce"] in ("amax", "amin") and base.origin is Origin.ZERO:
        meeting = [label for label in (*target, *labels) if label not in target or label not in labels]
        program.map((call.out, target), factor, degree=1, ordered=meeting)
        program.pin([hot], "places that entries are sent to")
    else:
        raise StructureConflict("a scatter that multiplies, or reduces together with what is there")


def _broadcast(value: Value, labels: list[Dim]) -> Axes:
    """Labels of values, which are the same for all places of a mask."""
    axes = broadcast(value, labels)
    if any(label is not None and label.size < size for label, size in zip(axes, value.shape, strict=True)):
        raise StructureConflict("values of their own for all the places of a mask")
    return axes


@rule("index_put", "index_put_", "_unsafe_index_put", "_index_put_impl_")
def index_put(program: Program, call: Call) -> None:
    """Values put, or added, at places picked along several axes at once."""
    if call.masks.isdisjoint(index for index in call["indices"] if index is not None):
        indices = [index for index in call["indices"] if index is not None]
        picks: torch.Size = torch.broadcast_shapes(*(index.shape for index in indices))  # type: ignore[no-untyped-call]
        seen = indexed(program, call, call["self"], call["indices"], picks)
        target, source, hots = seen.source, seen.target, [*seen.factors]
    else:
        target, source, hots = _by_mask(program, call)
    factor: Factor = (call["values"], _broadcast(call["values"], source))
    if call["accumulate"]:
        _add(program, call, target, [*hots, factor])
    else:
        _overwrite(program, call, target, hots, [factor])


def _by_mask(program: Program, call: Call) -> tuple[list[Dim], list[Dim], list[tuple[Value, Labels]]]:
    """A mask where the same values go wherever it is true."""
    axes, masks = where_indexed(call, call["indices"]), [i for i in call["indices"] if i is not None]
    if len(masks) > 1:
        raise StructureConflict("a mask beside another index")
    target = [Dim(size) for size in call["self"].shape]
    within = [target[axis] for axis in axes]
    hit = program.value(masks[0].shape)
    program.map((hit, within), (masks[0], within))
    kept = [label for i, label in enumerate(target) if i not in axes]
    return target, [*kept[: axes[0]], Dim(1), *kept[axes[0] :]], [(hit, [*within])]
