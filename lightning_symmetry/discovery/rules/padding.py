"""Borders around a tensor: numbers, or entries repeated from within."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict, fixed
from .._program.program import Program
from .._program.statements import Axes, Axis
from .._program.values import Origin, Value
from .positions import along
from .shape import identity


@rule("constant_pad_nd")
def pad(program: Program, call: Call) -> None:
    """A number around the entries, or entries cut away, one axis after another."""
    value, widths = call["self"], call["pad"]
    if isinstance(call["value"], complex):
        raise StructureConflict("padding with a complex number")
    padded = [i for i in range(len(widths) // 2) if widths[2 * i] or widths[2 * i + 1]]
    if not padded:
        identity(program, call)
    for i in padded:
        dim, (before, after) = len(value.shape) - 1 - i, widths[2 * i : 2 * i + 2]
        shape = [*value.shape[:dim], call.out.shape[dim], *value.shape[dim + 1 :]]
        out = call.out if i == padded[-1] else program.value(shape)
        if fixed(value.dims[dim]):
            _mix(program, out, value, dim, call["value"])
        else:
            _join(program, out, value, dim, before, after, call["value"])
        value = out


def _mix(program: Program, out: Value, value: Value, dim: int, number: float) -> None:
    """Pad an axis of data, whose entries keep their places anyway."""
    along(program, out, value, [dim], even=False)
    if number:
        labels = [Dim(size) for size in out.shape]
        border = program.value([labels[dim].size], Origin.FIXED)
        program.term((out, labels), (border, [labels[dim]]))


def _join(
    program: Program, out: Value, value: Value, dim: int, before: int, after: int, number: float
) -> None:
    """Pad an axis, so that the entries and the borders are parts of the new one."""
    labels = [Dim(size) for size in out.shape]

    def part(label: Dim, start: int) -> Axes:
        return [*labels[:dim], Axis((label,), (Dim(max(start, 0)),)), *labels[dim + 1 :]]

    kept = Dim(value.shape[dim] + min(before, 0) + min(after, 0))
    program.term((out, part(kept, before)), (value, part(kept, -before)))
    for width, start in ((before, 0), (after, max(before, 0) + kept.size)):
        if width > 0 and number:
            program.term((out, part(Dim(width), start)), (program.value([], Origin.FILL), []))


@rule(
    "reflection_pad1d",
    "reflection_pad2d",
    "reflection_pad3d",
    "replication_pad1d",
    "replication_pad2d",
    "replication_pad3d",
)
def pad_from_within(program: Program, call: Call) -> None:
    """Entries near the border, mirrored or repeated."""
    rank = len(call.out.shape)
    along(program, call.out, call["self"], range(rank - len(call["padding"]) // 2, rank), even=True)
