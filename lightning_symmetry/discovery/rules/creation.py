"""Tensors made from nothing: constants and noise."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import StructureConflict
from .._program.places import each
from .._program.program import Program
from .._program.values import Origin, Value
from .contraction import add_broadcast
from .diagonal import identity


@rule(
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
    "new_zeros",
    "zero",
    "zero_",
    "zeros",
    "zeros_like",
)
def zeros(program: Program, call: Call) -> None:
    """Nothing, or nothing yet."""
    call.out.origin = Origin.ZERO


@rule("ones", "ones_like", "new_ones")
def ones(program: Program, call: Call) -> None:
    """Ones everywhere."""
    _filled(call.out, 1)


@rule("full", "full_like", "new_full", "fill", "fill_", "scalar_tensor")
def fill(program: Program, call: Call) -> None:
    """The same number everywhere."""
    given = (call.arguments.get(name) for name in ("fill_value", "value", "s"))
    number = next(argument for argument in given if argument is not None)
    if isinstance(number, Value):
        add_broadcast(program, call.out, number)
    else:
        _filled(call.out, number)


@rule("lift_fresh", "lift_fresh_copy")
def lifted(program: Program, call: Call) -> None:
    """A constant that Python has just made: a number, or a tensor of them."""
    if call.out.number is None:
        add_broadcast(program, call.out, call["self"])
    else:
        _filled(call.out, call.out.number)


def _filled(out: Value, number: complex) -> None:
    out.origin = Origin.FILL if number else Origin.ZERO
    out.number = None if isinstance(number, complex) else float(number)


@rule(
    "bartlett_window",
    "blackman_window",
    "hamming_window",
    "hann_window",
    "kaiser_window",
    "linspace",
    "logspace",
    "tril_indices",
    "triu_indices",
)
def fixed(program: Program, call: Call) -> None:
    """Numbers that the arguments determine."""
    if any(isinstance(argument, Value) for argument in call.arguments.values()):
        raise StructureConflict("a range between numbers that the network makes")
    call.out.origin = Origin.FIXED


@rule("arange")
def arange(program: Program, call: Call) -> None:
    """Whole numbers in turn: as an index from zero on, every place once."""
    call.out.origin = Origin.FIXED
    if call.arguments.get("start", 0) == 0 and call.arguments.get("step", 1) == 1 and call.out.shape[0]:
        call.out.one_hot = each(program, call.out.shape[0])


@rule("eye")
def eye(program: Program, call: Call) -> None:
    """Ones along the diagonal."""
    rows, columns = call.out.shape
    if rows == columns:
        identity(program, call.out)
    else:
        call.out.origin = Origin.FIXED


@rule("normal", "normal_", "normal_functional", "randn", "randn_like")
def symmetric_noise(program: Program, call: Call) -> None:
    """Independent draws from a distribution that is symmetric about zero."""
    mean, deviation = (call.arguments.get(name) for name in ("mean", "std"))
    if isinstance(mean, Value) or isinstance(deviation, Value):
        raise StructureConflict("draws whose distribution depends on the network")
    call.out.origin = Origin.NOISE if mean else Origin.SYMMETRIC_NOISE


@rule(
    "bernoulli",
    "bernoulli_",
    "binomial",
    "cauchy_",
    "exponential_",
    "geometric_",
    "log_normal_",
    "multinomial",
    "poisson",
    "rand",
    "rand_like",
    "randint",
    "randint_like",
    "random_",
    "randperm",
    "uniform_",
)
def noise(program: Program, call: Call) -> None:
    """Independent draws from one distribution."""
    named = ("self", "p", "count", "prob") if call.operation._schema.name in DEPENDENT else ("p",)
    depends = [v for v in map(call.arguments.get, named) if isinstance(v, Value)]
    if depends:
        program.pin([*depends, call.out], "draws whose distribution depends on the network")
    call.out.origin = Origin.FIXED if depends else Origin.NOISE


DEPENDENT = ("aten::bernoulli", "aten::binomial", "aten::multinomial", "aten::poisson")
"""Draws from a distribution that a tensor gives."""
