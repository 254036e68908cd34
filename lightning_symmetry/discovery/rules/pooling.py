"""Pooling: positions mix, channels do not."""

from __future__ import annotations

from math import prod

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict
from .._program.places import one_hot
from .._program.program import Program
from .._program.values import Value
from .indexing import pick
from .positions import along

SPATIAL = {"1d": 1, "2d": 2, "3d": 3}


def positions(call: Call, value: Value) -> range:
    """The axes that are positions, from the number of dimensions in the operation's name."""
    name, rank = call.operation._schema.name, len(value.shape)
    return range(rank - next(count for mark, count in SPATIAL.items() if mark in name), rank)


@rule(
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "fractional_max_pool2d",
    "fractional_max_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
)
def max_pool(program: Program, call: Call) -> None:
    """The largest entry of a window, picked from among all positions."""
    value, out = call["self"], call.out
    spatial = positions(call, value)
    labels = [Dim(size) for size in value.shape]
    kept, before = labels[: spatial.start], labels[spatial.start :]
    after = [Dim(size) for size in out.shape[spatial.start :]]
    inputs: list[tuple[Value, list[Dim]]] = [(program.centre(value, labels, before), labels)]
    coordinate = Dim(len(spatial))
    if "random_samples" in call.arguments:
        inputs.append((call["random_samples"], [*kept, coordinate]))
    picked: list[tuple[Value, list[Dim]]] = []
    places = [Dim(size) for size in value.shape[spatial.start :]]
    for place in places:
        hot = (program.value([*out.shape, place.size]), [*kept, *after, place])
        moving = [*before, *after, place, coordinate]
        program.map(hot, *inputs, degree=0, ordered=moving, simplex=[place])
        picked.append(hot)
    pick(program, out, [*kept, *after], picked, value, [*kept, *places])
    if len(call.outs) > 1:
        call.outs[1].one_hot = program.value([*out.shape, prod(place.size for place in places)])
        program.term((call.outs[1].one_hot, [*kept, *after, tuple(places)]), *picked)


@rule("max_unpool2d", "max_unpool3d")
def max_unpool(program: Program, call: Call) -> None:
    """Entries back at the places from which they were pooled."""
    value, spatial = call["self"], positions(call, call["self"])
    labels, count = [Dim(size) for size in value.shape], prod(call.out.shape[i] for i in spatial)
    hot, names, place = one_hot(program, call["indices"], labels, count)
    if place.size != count:
        raise StructureConflict("places of an image of another size")
    kept, pooled = labels[: spatial.start], labels[spatial.start :]
    flat = program.value([*value.shape[: spatial.start], count])
    program.term((flat, [*kept, place]), (hot, [*names, place]), (value, labels), ordered=pooled)
    program.view(call.out, flat)


@rule(
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
)
def average_pool(program: Program, call: Call) -> None:
    """A fixed weighted mean of positions: linear in the channels."""
    padded = any(call.arguments.get("padding") or ()) and call["count_include_pad"]
    even = not padded and call.arguments.get("divisor_override") is None
    along(program, call.out, call["self"], positions(call, call["self"]), even=even)
