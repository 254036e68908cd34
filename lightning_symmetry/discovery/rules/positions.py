"""Operations that let positions along an axis trade places or add up, and leave the other axes alone."""

from __future__ import annotations

from collections.abc import Sequence

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.values import Value
from .indexing import axis_of


def along(program: Program, out: Value, value: Value, dims: Sequence[int], *, even: bool) -> None:
    """Define ``out`` as fixed linear combinations of positions along some axes.

    Args:
        program: Where to write.
        out: As ``value``, but for the lengths of those axes.
        value: What is combined.
        dims: The axes.
        even: Whether a constant stays the same constant.
    """
    before = [Dim(size) for size in value.shape]
    after = [Dim(out.shape[i]) if i in dims else label for i, label in enumerate(before)]
    windows = [(before[i], after[i]) for i in dims]
    program.term((out, after), (value, before), windows=windows, even=even)


@rule("roll", "flip")
def rearrange(program: Program, call: Call) -> None:
    """The same entries in another order along some axes, or along all as one."""
    value = call["self"]
    rank = len(value.shape)
    dims = [dim % rank for dim in call["dims"]] or range(rank)
    along(program, call.out, value, dims, even=True)


@rule("rot90")
def turn(program: Program, call: Call) -> None:
    """A plane of positions turned by right angles."""
    value = call["self"]
    before = [Dim(size) for size in value.shape]
    one, other = (dim % len(before) for dim in call["dims"])
    after = list(before)
    after[one], after[other] = (Dim(call.out.shape[dim]) for dim in (one, other))
    windows = [(before[one], after[other]), (before[other], after[one])]
    if call["k"] % 2 == 0:
        windows = [(before[dim], after[dim]) for dim in (one, other)]
    program.term((call.out, after), (value, before), windows=windows)


@rule("cumsum", "cumsum_")
def cumulate(program: Program, call: Call) -> None:
    """Sums of all entries so far."""
    along(program, call.out, call["self"], [axis_of(call, call["self"])], even=False)


@rule("cumprod", "cumprod_", "logcumsumexp", "cummax", "cummin")
def cumulate_nonlinearly(program: Program, call: Call) -> None:
    """A function of all entries so far."""
    value, name = call["self"], call.operation._schema.name
    dim, before = axis_of(call, value), [Dim(size) for size in value.shape]
    after = [*before[:dim], Dim(before[dim].size), *before[dim + 1 :]]
    degree = 1 if name in {"aten::cummax", "aten::cummin"} else None
    program.map((call.out, after), (value, before), degree=degree, ordered=(before[dim], after[dim]))
