"""Derivatives, for losses that contain gradients: each is linear in the gradient that it passes on."""

from __future__ import annotations

from .._program.calls import Call, Rule, rule
from .._program.dims import Dim, StructureConflict
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Value
from .contraction import add_broadcast
from .pointwise import pointwise, product

SLOPES = (
    "elu_backward gelu_backward hardsigmoid_backward hardswish_backward hardtanh_backward mish_backward "
    "sigmoid_backward silu_backward softplus_backward"
)


def _slope(degree: float | None = None, parity: int = 0) -> Rule:
    """The rule of a function that acts on every entry alike, by degree and parity of its derivative."""

    def define(program: Program, call: Call) -> None:
        gradient, *seen = (value for value in call.arguments.values() if isinstance(value, Value))
        slope = program.value(call.out.shape)
        pointwise(program, slope, *seen, degree=degree, parity=parity)
        product(program, call.out, gradient, slope, 1)

    return define


rule(*SLOPES.split())(_slope())
rule("leaky_relu_backward")(_slope(degree=0))
rule("tanh_backward")(_slope(parity=1))


@rule("threshold_backward")
def threshold(program: Program, call: Call) -> None:
    """The gradient where the input was above the threshold."""
    _slope(degree=0 if call["threshold"] == 0 else None)(program, call)


@rule("native_dropout_backward")
def dropout(program: Program, call: Call) -> None:
    """The gradient through the same mask."""
    product(program, call.out, call["grad_output"], call["mask"], 1)


@rule("_softmax_backward_data")
def softmax(program: Program, call: Call) -> None:
    """Gradient · output − output · Σ gradient · output."""
    _centred(program, call, call["output"], call["output"])


@rule("_log_softmax_backward_data")
def log_softmax(program: Program, call: Call) -> None:
    """Gradient − exp(output) · Σ gradient."""
    chances = program.value(call.out.shape)
    labels = [Dim(size) for size in chances.shape]
    program.map(
        (chances, labels),
        (call["output"], labels),
        exponent=1,
        simplex=[labels[call["dim"]]] if labels else [],
    )
    _centred(program, call, None, chances)


def _centred(program: Program, call: Call, weight: Value | None, chances: Value) -> None:
    """Out = weight · gradient − chances · Σ weight · gradient."""
    labels = [Dim(size) for size in call.out.shape]
    weighted, total = call["grad_output"], list(labels)
    if weight is not None:
        weighted = program.value(call.out.shape)
        product(program, weighted, call["grad_output"], weight, 1)
    if labels:
        del total[call["dim"]]
    mean = program.value([label.size for label in total])
    program.term((mean, total), (weighted, labels))
    add_broadcast(program, call.out, weighted)
    program.term((call.out, labels), (chances, labels), (mean, total), coefficient=-1)


@rule("convolution_backward")
def convolution(program: Program, call: Call) -> None:
    """The gradient of the input: out[n, (g i), s] = Σ gradient[n, (g o), s'] · weight[(g o), i, k]."""
    gradient, weight, groups = call["grad_output"], call["weight"], call["groups"]
    if list(call["output_mask"]) != [True, False, False]:
        raise StructureConflict("the gradient of a convolution's weight")
    batch, group, spatial = Dim(call.out.shape[0]), Dim(groups), len(weight.shape) - 2
    inner, outer = (Dim(value.shape[1] // groups) for value in (call.out, gradient))
    kernel = [Dim(size) for size in weight.shape[2:]]
    before, after = ([Dim(size) for size in value.shape[-spatial:]] for value in (call.out, gradient))
    channels: Axes = [(group, inner), outer] if call["transposed"] else [(group, outer), inner]
    weights: Axes = [*channels, *kernel]
    read: Axes = [batch, (group, outer), *after]
    written: Axes = [batch, (group, inner), *before]
    program.term(
        (call.out, written),
        (gradient, read),
        (weight, weights),
        ordered=kernel,
        windows=zip(after, before, strict=True),
        even=False,
    )
