"""Resizing and resampling: fixed or computed weighted means of positions, the same for all channels."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.values import Origin, Value
from .indexing import pick
from .pooling import positions
from .positions import along


@rule(
    "_upsample_bicubic2d_aa",
    "_upsample_bilinear2d_aa",
    "_upsample_lanczos2d_aa",
    "_upsample_nearest_exact1d",
    "_upsample_nearest_exact2d",
    "_upsample_nearest_exact3d",
    "upsample_bicubic2d",
    "upsample_bilinear2d",
    "upsample_linear1d",
    "upsample_nearest1d",
    "upsample_nearest2d",
    "upsample_nearest3d",
    "upsample_trilinear3d",
)
def resize(program: Program, call: Call) -> None:
    """Weighted means of positions, their weights adding up to one."""
    value = call["input" if "input" in call.arguments else "self"]
    along(program, call.out, value, positions(call, value), even=True)


@rule("grid_sampler_2d", "grid_sampler_3d")
def grid_sample(program: Program, call: Call) -> None:
    """Weighted means of positions at the points of a grid, which gives the weights along each axis."""
    value, grid = call["input"], call["grid"]
    batch, *points, coordinate = (Dim(size) for size in grid.shape)
    channel, *places = (Dim(size) for size in value.shape[1:])
    weights: list[tuple[Value, list[Dim]]] = []
    for place in places:
        axes = [batch, *points, place]
        weight = (program.value([label.size for label in axes]), axes)
        # beyond the border there are zeros, unless the border goes on or is a mirror
        simplex = [place] if call["padding_mode"] else []
        ordered = [*points, coordinate, place]
        program.map(weight, (grid, [batch, *points, coordinate]), ordered=ordered, simplex=simplex)
        weights.append(weight)
    pick(program, call.out, [batch, channel, *points], weights, value, [batch, channel, *places])


@rule("affine_grid_generator")
def affine_grid(program: Program, call: Call) -> None:
    """Every point of a regular grid under the affine maps."""
    maps = call["theta"]
    batch, image, source = (Dim(size) for size in maps.shape)
    points = tuple(Dim(size) for size in call.out.shape[1:-1])
    grid = program.value([*call.out.shape[1:-1], source.size], Origin.FIXED)
    program.term(
        (call.out, [batch, *points, image]), (maps, [batch, image, source]), (grid, [*points, source])
    )
