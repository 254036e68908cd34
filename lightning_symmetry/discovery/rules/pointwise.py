"""Operations that treat every entry alike."""

from __future__ import annotations

from math import isfinite
from numbers import Number
from typing import Any

from .._program.calls import Call, Rule, rule
from .._program.dims import Dim, StructureConflict
from .._program.program import Program
from .._program.values import ONE, Origin, Value
from .contraction import add_broadcast, broadcast


def pointwise(
    program: Program,
    out: Value,
    *inputs: Value,
    degree: float | None = None,
    parity: int = 0,
    exponent: int = 0,
    at_zero_eps: bool = False,
) -> None:
    """Define ``out`` entry by entry from inputs that broadcast to it."""
    labels = [Dim(size) for size in out.shape]
    program.map(
        (out, labels),
        *((value, broadcast(value, labels)) for value in inputs),
        degree=degree,
        parity=parity,
        exponent=exponent,
        at_zero_eps=at_zero_eps,
    )


def _function(degree: float | None = None, parity: int = 0, exponent: int = 0) -> Rule:
    def define(program: Program, call: Call) -> None:
        inputs = [argument for argument in call.arguments.values() if isinstance(argument, Value)]
        pointwise(program, call.out, *inputs, degree=degree, parity=parity, exponent=exponent)

    return define


HOMOGENEOUS = "relu leaky_relu maximum minimum"
ODD = "tanh sin asin asinh sinh tan atan erf erfinv softshrink hardshrink tanhshrink round trunc"
EVEN = "cos cosh"
PLAIN = (
    "gelu silu sigmoid elu celu selu softplus mish hardswish hardsigmoid hardtanh log_sigmoid_forward "
    "threshold clamp_max expm1 log1p log2 log10 exp2 floor ceil erfc logit relu6 frac sinc "
    "nan_to_num isnan isinf isfinite logical_not logical_and logical_or lerp addcdiv fmod "
    "floor_divide logaddexp _prelu_kernel glu_jvp bitwise_not bitwise_and bitwise_or atan2 hypot "
    "special_entr special_log_ndtr"
)


def _register(names: str, function: Rule) -> None:
    for name in names.split():
        rule(name, f"{name}_")(function)


_register(HOMOGENEOUS, _function(degree=1))
_register(ODD, _function(parity=-1))
_register(EVEN, _function(parity=1))
_register(PLAIN, _function())
_register("abs", _function(degree=1, parity=1))
_register("sign sgn", _function(degree=0, parity=-1))
_register("exp", _function(exponent=1))
_register("log", _function(exponent=-1))


LARGEST_EPS = 1e-3
"""Positive numbers up to this one, added or clamped to, keep a division from failing."""

ADDS_EPS = ("aten::add", "aten::add_")
CLAMPS_TO_EPS = ("aten::clamp_min", "aten::clamp_min_", "aten::clamp", "aten::clamp_")


def is_eps(operation: Any, number: object) -> bool:
    """Whether a number that an operation adds, or clamps to from below, stands for an eps."""
    able = operation._schema.name in (*ADDS_EPS, *CLAMPS_TO_EPS)
    return able and isinstance(number, (int, float)) and 0 < number <= LARGEST_EPS


@rule("clamp_min", "clamp_min_", "clamp", "clamp_")
def clamp(program: Program, call: Call) -> None:
    """Homogeneous if clamped to zero, or to an eps, from below."""
    least, most = call["min"], call.arguments.get("max")
    eps = is_eps(call.operation, least)
    bounds = [value for value in (least, most) if isinstance(value, Value)]
    homogeneous = most is None and not bounds and (eps or least == 0)
    pointwise(program, call.out, call["self"], *bounds, degree=1 if homogeneous else None, at_zero_eps=eps)


@rule("add", "add_", "sub", "sub_", "rsub")
def add(program: Program, call: Call) -> None:
    """Self ± alpha · other; adding a nonzero number is a function of its own."""
    one, other, alpha = call["self"], call["other"], call["alpha"]
    _real(other, alpha)
    name = call.operation._schema.name
    first, second = (-alpha, 1) if name == "aten::rsub" else (1, -alpha if "sub" in name else alpha)
    if is_eps(call.operation, other):
        pointwise(program, call.out, one, degree=1, parity=-1, at_zero_eps=True)
        return
    add_broadcast(program, call.out, one, coefficient=first)
    if isinstance(other, Value):
        add_broadcast(program, call.out, other, coefficient=second)
    elif other != 0:
        number = program.value([], Origin.FILL, ONE)
        add_broadcast(program, call.out, number, coefficient=second * float(other))


@rule("mul", "mul_", "div", "div_")
def multiply(program: Program, call: Call) -> None:
    """Self · other or self / other."""
    one, other = call["self"], call["other"]
    _real(other)
    power = -1 if "div" in call.operation._schema.name else 1
    if call.arguments.get("rounding_mode") is not None:
        pointwise(program, call.out, *(v for v in (one, other) if isinstance(v, Value)))
    elif isinstance(other, Value):
        product(program, call.out, one, other, power)
    else:
        scale(program, call.out, one, float(other) ** power if other else 0.0)


def _real(*numbers: object) -> None:
    if any(
        isinstance(number, complex) or (isinstance(number, float) and not isfinite(number))
        for number in numbers
    ):
        raise StructureConflict("a number that is complex or not finite")


def scale(program: Program, out: Value, value: Value, factor: float) -> None:
    """Out = factor · value, nothing if the factor is zero."""
    if not factor:
        out.origin = Origin.ZERO
        return
    add_broadcast(program, out, value, coefficient=factor)


def product(program: Program, out: Value, one: Value, other: Value, power: float) -> None:
    """Define ``out`` as one · other ** power, broadcast to each other."""
    labels = [Dim(size) for size in out.shape]
    program.term((out, labels), (one, broadcast(one, labels)), (other, broadcast(other, labels), power))


@rule("addcmul", "addcmul_")
def add_product(program: Program, call: Call) -> None:
    """Self + value · tensor1 · tensor2."""
    labels = [Dim(size) for size in call.out.shape]
    add_broadcast(program, call.out, call["self"])
    factors = (call["tensor1"], call["tensor2"])
    program.term((call.out, labels), *((v, broadcast(v, labels)) for v in factors), coefficient=call["value"])


@rule("pow", "pow_", "square", "sqrt", "rsqrt", "reciprocal", "sqrt_", "rsqrt_", "reciprocal_")
def power(program: Program, call: Call) -> None:
    """Self to a fixed power: a product of equal factors, or a homogeneous function."""
    name = call.operation._schema.name.removeprefix("aten::").removesuffix("_")
    named = {"square": 2.0, "sqrt": 0.5, "rsqrt": -0.5, "reciprocal": -1.0}
    base, exponent = call["self"], named.get(name, call.arguments.get("exponent"))
    if not isinstance(base, Value) or not isinstance(exponent, Number):
        _function()(program, call)
        return
    number: Any = exponent
    if number == int(number):
        labels = [Dim(size) for size in call.out.shape]
        program.term((call.out, labels), (base, labels, number))
    else:
        pointwise(program, call.out, base, degree=float(number))


@rule("neg", "neg_")
def negate(program: Program, call: Call) -> None:
    """−self."""
    scale(program, call.out, call["self"], -1.0)


@rule("native_dropout")
def dropout(program: Program, call: Call) -> None:
    """The product with a mask of independent draws."""
    call.outs[1].origin = Origin.NOISE
    product(program, call.out, call["input"], call.outs[1], 1)
