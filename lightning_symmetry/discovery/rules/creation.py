"""Tensors made from nothing: constants and noise."""

from __future__ import annotations

from .._calls import Call, rule
from .._program import Program
from .._values import Origin, Value


@rule(
    "zeros", "zeros_like", "new_zeros", "zero", "zero_", "empty", "empty_like", "new_empty", "empty_strided"
)
def zeros(program: Program, call: Call) -> None:
    """Nothing, or nothing yet."""
    call.out.origin = Origin.ZERO


@rule("ones", "ones_like", "new_ones", "full", "full_like", "new_full", "fill", "fill_", "scalar_tensor")
def fill(program: Program, call: Call) -> None:
    """The same number everywhere."""
    value = call.arguments.get("value")
    call.out.origin = Origin.FIXED if isinstance(value, Value) else Origin.FILL


@rule("randn", "randn_like", "normal_", "normal_functional")
def symmetric_noise(program: Program, call: Call) -> None:
    """Independent draws from a distribution that is symmetric about zero."""
    centred = call.arguments.get("mean", 0) == 0
    call.out.origin = Origin.SYMMETRIC_NOISE if centred else Origin.NOISE


@rule("rand", "rand_like", "uniform_", "bernoulli_", "bernoulli", "randint", "randint_like", "exponential_")
def noise(program: Program, call: Call) -> None:
    """Independent draws from one distribution."""
    draws_from = call.arguments.get("self") if call.operation._schema.name == "aten::bernoulli" else None
    depends = [v for v in (draws_from, call.arguments.get("p")) if isinstance(v, Value)]
    if depends:
        program.pin([*depends, call.out], "draws whose distribution depends on the network")
    call.out.origin = Origin.FIXED if depends else Origin.NOISE
