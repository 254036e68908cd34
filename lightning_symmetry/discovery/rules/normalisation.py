"""Normalisations, fused: each is centring, a statistic, a division, a gain and a shift."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Origin, Value

TRACKED = (Origin.BUFFER, Origin.STATISTIC)
"""Where the numbers of running statistics come from."""


def normalise(program: Program, value: Value, axes: Axes, kept: list[Dim], over: list[Dim]) -> Value:
    """Divide a value by the root of its mean square over some labels."""
    square, length = (program.value([label.size for label in kept]) for _ in range(2))
    program.term((square, kept), (value, axes, 2))
    program.map((length, kept), (square, kept), degree=0.5, at_zero_eps=True)
    out = program.value(value.shape)
    program.term((out, axes), (value, axes), (length, kept, -1))
    return out


def affine(
    program: Program, out: Value, value: Value, axes: Axes, gain: Value | None, shift: Value | None, on: Axes
) -> None:
    """Out = value · gain + shift, both living on the labels in ``on``."""
    gains = [] if gain is None else [(gain, on)]
    program.term((out, axes), (value, axes), *gains)
    if shift is not None:
        program.term((out, axes), (shift, on))


@rule(
    "native_batch_norm",
    "cudnn_batch_norm",
    "miopen_batch_norm",
    "_native_batch_norm_legit",
    "_native_batch_norm_legit_no_training",
    "_batch_norm_with_update",
    "_batch_norm_no_update",
)
def batch_norm(program: Program, call: Call) -> None:
    """Normalise every channel over batch and positions.

    Running statistics follow what they track, also where they are read (evaluation): they stand for the
    distribution of the same input.
    """
    data = call["input"]
    labels = [Dim(size) for size in data.shape]
    channel, over = labels[1], [label for i, label in enumerate(labels) if i != 1]
    mean, variance = call.arguments.get("running_mean"), call.arguments.get("running_var")
    training = "with_update" in call.operation._schema.name or call.arguments.get("training")
    if mean is not None and variance is not None and not training and mean.origin not in TRACKED:
        standard = _standardised(program, data, labels, channel, mean, variance)
        affine(program, call.out, standard, labels, call["weight"], call["bias"], [channel])
        return
    centred = program.centre(data, labels, over)
    for statistic in (mean, variance):
        if training and statistic is not None and statistic.origin is Origin.BUFFER:
            statistic.origin = Origin.STATISTIC
    if mean is not None and mean.origin in TRACKED:
        program.term((mean, [channel]), (data, labels), coefficient=1 / (data_size(over) or 1))
    if variance is not None and variance.origin in TRACKED:
        program.term((variance, [channel]), (centred, labels, 2))
    standard = normalise(program, centred, labels, [channel], over)
    affine(program, call.out, standard, labels, call["weight"], call["bias"], [channel])


def _standardised(
    program: Program, data: Value, labels: Axes, channel: Dim, mean: Value, variance: Value
) -> Value:
    """Subtract a mean and divide by the root of a variance, both computed elsewhere."""
    centred, out = program.value(data.shape), program.value(data.shape)
    deviation = program.value(variance.shape)
    program.term((centred, labels), (data, labels))
    program.term((centred, labels), (mean, [channel]), coefficient=-1)
    program.map((deviation, [channel]), (variance, [channel]), degree=0.5, at_zero_eps=True)
    program.term((out, labels), (centred, labels), (deviation, [channel], -1))
    return out


def data_size(labels: list[Dim]) -> int:
    """Number of entries over the given labels."""
    size = 1
    for label in labels:
        size *= label.size
    return size


@rule("native_layer_norm")
def layer_norm(program: Program, call: Call) -> None:
    """Normalise over the trailing axes."""
    data, trailing = call["input"], len(call["normalized_shape"])
    labels = [Dim(size) for size in data.shape]
    kept, over = labels[:-trailing], labels[-trailing:]
    standard = normalise(program, program.centre(data, labels, over), labels, kept, over)
    affine(program, call.out, standard, labels, call["weight"], call["bias"], over)


@rule("_fused_rms_norm", "rms_norm")
def rms_norm(program: Program, call: Call) -> None:
    """Normalise the length over the trailing axes; nothing is centred."""
    data, trailing = call["input"], len(call["normalized_shape"])
    labels = [Dim(size) for size in data.shape]
    kept, over = labels[:-trailing], labels[-trailing:]
    affine(
        program, call.out, normalise(program, data, labels, kept, over), labels, call["weight"], None, over
    )


@rule("native_group_norm")
def group_norm(program: Program, call: Call) -> None:
    """Normalise every group of channels over its channels and positions."""
    data, groups = call["input"], call["group"]
    batch, group, within = Dim(data.shape[0]), Dim(groups), Dim(data.shape[1] // groups)
    positions = [Dim(size) for size in data.shape[2:]]
    axes: Axes = [batch, (group, within), *positions]
    over = [within, *positions]
    standard = normalise(program, program.centre(data, axes, over), axes, [batch, group], over)
    affine(program, call.out, standard, axes, call["weight"], call["bias"], [(group, within)])
