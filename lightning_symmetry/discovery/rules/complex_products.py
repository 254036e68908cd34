"""Products of complex numbers, entry by entry or of matrices: sums of products of their parts."""

from __future__ import annotations

from cmath import isfinite
from dataclasses import replace

from .._program.calls import Call, complex_rule
from .._program.dims import Dim, StructureConflict
from .._program.program import Program
from .._program.statements import Axes
from .._program.values import Value
from .complex_numbers import IMAGINARY, PARTS, REAL, add_part, at, part_of, squared


def _product(
    program: Program,
    call: Call,
    out: Axes,
    one: tuple[Value, Axes],
    other: tuple[Value, Axes],
    factor: float = 1,
) -> None:
    """Add the product of two operands, each complex or real, to the first output."""
    for i, first in _parts(call, *one):
        for j, second in _parts(call, *other):
            sign = -factor if i is j is IMAGINARY else factor
            program.term((call.out, [*out, at((i + j) % 2)]), first, second, coefficient=sign)


def _parts(call: Call, value: Value, axes: Axes) -> list[tuple[int, tuple[Value, Axes]]]:
    if value in call.pairs:
        return [(part, (value, [*axes, at(part)])) for part in PARTS]
    return [(REAL, (value, axes))]


def _shape(call: Call, value: Value) -> tuple[int, ...]:
    """The shape of the tensor that a value stands for."""
    return value.shape[:-1] if value in call.pairs else value.shape


@complex_rule("mul", "mul_")
def multiply(program: Program, call: Call) -> None:
    """Self · other, broadcast to each other."""
    one, other = call["self"], call["other"]
    if not isinstance(other, Value):
        _scale(program, call, complex(other))
        return
    labels = [Dim(size) for size in _shape(call, call.out)]

    def axes(value: Value) -> Axes:
        shape = _shape(call, value)
        return [d if n != 1 else None for d, n in zip(labels[len(labels) - len(shape) :], shape, strict=True)]

    _product(program, call, labels, (one, axes(one)), (other, axes(other)))


@complex_rule("div", "div_")
def divide(program: Program, call: Call) -> None:
    """Self times the inverse of other."""
    other = call["other"]
    if not isinstance(other, Value):
        _scale(program, call, 1 / complex(other) if other else complex("nan"))
        return
    inverse = program.value(other.shape)
    if other in call.pairs:
        _invert(program, inverse, other)
        call = replace(call, pairs=call.pairs | {inverse})
    else:
        labels = [Dim(size) for size in other.shape]
        program.term((inverse, labels), (other, labels, -1))
    multiply(program, replace(call, arguments={**call.arguments, "other": inverse}))


@complex_rule("reciprocal", "reciprocal_")
def reciprocal(program: Program, call: Call) -> None:
    """The inverse."""
    _invert(program, call.out, call["self"])


def _invert(program: Program, out: Value, value: Value) -> None:
    """Define the inverse: the conjugate over the squared absolute value."""
    square, labels = squared(program, value), [Dim(size) for size in value.shape[:-1]]
    for part, sign in zip(PARTS, (1, -1), strict=True):
        axes: Axes = [*labels, at(part)]
        program.term((out, axes), (value, axes), (square, labels, -1), coefficient=sign)


def _scale(program: Program, call: Call, number: complex) -> None:
    """Define the product with a number."""
    if not isfinite(number):
        raise StructureConflict("a number that is not finite")
    labels = [Dim(size) for size in _shape(call, call.out)]
    for i, (value, axes) in _parts(call, call["self"], labels):
        for j, factor in enumerate((number.real, number.imag)):
            if factor:
                sign = -factor if i is j is IMAGINARY else factor
                program.term((call.out, [*labels, at((i + j) % 2)]), (value, axes), coefficient=sign)


@complex_rule("mm", "bmm", "mv", "dot")
def contract(program: Program, call: Call) -> None:
    """The product of matrices; a vector is a matrix of one column."""
    _contract(program, call, *list(call.arguments.values())[:2])


@complex_rule("addmm", "baddbmm")
def contract_and_add(program: Program, call: Call) -> None:
    """Beta · self + alpha · the product of matrices."""
    bias, one, other = list(call.arguments.values())[:3]
    alpha, beta = call["alpha"], call["beta"]
    if isinstance(alpha, complex) or isinstance(beta, complex):
        raise StructureConflict("a complex coefficient")
    _contract(program, call, one, other, alpha)
    for part in PARTS:
        add_part(program, call.out, part, part_of(program, bias, part), beta)


def _contract(program: Program, call: Call, one: Value, other: Value, factor: float = 1) -> None:
    *rows, inner = (Dim(size) for size in _shape(call, one))
    shape = _shape(call, other)
    columns = [Dim(shape[-1])] if len(shape) > 1 else []
    read = [*rows[:-1], inner, *columns] if columns else [inner]
    _product(program, call, [*rows, *columns], (one, [*rows, inner]), (other, read), factor)
