"""Pooling and resizing: positions mix, channels do not."""

from __future__ import annotations

from .._calls import Call, rule
from .._dims import Dim
from .._program import Program
from .._values import Value


def _positions(value: Value, out: Value, spatial: int) -> tuple[list[Dim], list[Dim], list[Dim]]:
    split = len(value.shape) - spatial
    kept = [Dim(size) for size in value.shape[:split]]
    return kept, [Dim(s) for s in value.shape[split:]], [Dim(s) for s in out.shape[split:]]


_SPATIAL = {"1d": 1, "2d": 2, "3d": 3}


def _dimensions(call: Call) -> int:
    name = call.operation._schema.name
    return next(count for mark, count in _SPATIAL.items() if mark in name)


@rule(
    "max_pool2d_with_indices",
    "max_pool3d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool3d",
    "max_pool1d",
    "max_pool2d",
    "max_pool3d",
)
def max_pool(program: Program, call: Call) -> None:
    """The largest entry of a window."""
    kept, before, after = _positions(call["self"], call.out, _dimensions(call))
    program.map(
        (call.out, [*kept, *after]), (call["self"], [*kept, *before]), degree=1, ordered=[*before, *after]
    )


@rule(
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "_adaptive_avg_pool2d",
    "_adaptive_avg_pool3d",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "upsample_linear1d",
    "upsample_bilinear2d",
    "upsample_bicubic2d",
    "upsample_trilinear3d",
)
def average_pool(program: Program, call: Call) -> None:
    """A fixed weighted mean of positions: linear in the channels."""
    value = call["self"]
    kept, before, after = _positions(value, call.out, _dimensions(call))
    uneven = any(call.arguments.get("padding") or ()) or call.arguments.get("divisor_override") is not None
    program.term(
        (call.out, [*kept, *after]),
        (value, [*kept, *before]),
        windows=zip(before, after, strict=True),
        even=not uneven,
    )
