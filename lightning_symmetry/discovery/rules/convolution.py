"""Convolutions of any number of spatial axes, grouped and transposed."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.statements import Axes


@rule("convolution", "_convolution")
def convolution(program: Program, call: Call) -> None:
    """Out[n, (g o), s'] = Σ input[n, (g i), s] · weight[(g o), i, k]; transposed: weight[(g i), o, k]."""
    data, weight, out, groups = call["input"], call["weight"], call.out, call["groups"]
    group, spatial = Dim(groups), len(weight.shape) - 2
    inner = Dim(data.shape[-spatial - 1] // groups)
    outer = Dim(out.shape[-spatial - 1] // groups)
    kernel = [Dim(size) for size in weight.shape[2:]]
    pointwise = set(weight.shape[2:]) == {1} and set(call["stride"]) == {1} and set(call["padding"]) == {0}
    before = [Dim(size) for size in data.shape[-spatial:]]
    after = before if pointwise else [Dim(size) for size in out.shape[-spatial:]]
    batch = [Dim(size) for size in data.shape[: -spatial - 1]]
    channels: Axes = [(group, inner), outer] if call["transposed"] else [(group, outer), inner]
    read: Axes = [*batch, (group, inner), *before]
    written: Axes = [*batch, (group, outer), *after]
    weights: Axes = [*channels, *kernel]
    program.term(
        (out, written),
        (data, read),
        (weight, weights),
        ordered=kernel,
        windows=() if pointwise else zip(before, after, strict=True),
        # transposed windows overlap unevenly at the borders; padding mixes in zeros
        even=set(call["padding"]) == {0} and not call["transposed"],
    )
    if call["bias"] is not None:
        labels = [Dim(size) for size in out.shape]
        program.term((out, labels), (call["bias"], [labels[-spatial - 1]]))


@rule("conv_tbc")
def time_first(program: Program, call: Call) -> None:
    """Out[t', n, o] = Σ self[t, n, i] · weight[k, i, o] + bias[o]."""
    before, batch, inner = (Dim(size) for size in call["self"].shape)
    after, kernel, outer = (
        Dim(size) for size in (call.out.shape[0], call["weight"].shape[0], call.out.shape[2])
    )
    program.term(
        (call.out, [after, batch, outer]),
        (call["self"], [before, batch, inner]),
        (call["weight"], [kernel, inner, outer]),
        ordered=[kernel],
        windows=[(before, after)],
        even=call["pad"] == 0,
    )
    program.term((call.out, [after, batch, outer]), (call["bias"], [outer]))
