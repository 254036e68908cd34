"""Where a value comes from: back through the statements that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard

from .dims import Dim
from .program import Program
from .statements import Centre, Map, Pin, Statement, Term, View
from .values import Origin, Value

Labels = list[Dim | None]
"""A label for each axis of a value; None where the axis has length one."""


def read(statement: Statement) -> tuple[Value, ...]:
    """The values that a statement reads."""
    if isinstance(statement, Pin):
        return statement.values
    if isinstance(statement, View):
        return (statement.input,)
    operands = (statement.input,) if isinstance(statement, Centre) else statement.inputs
    return tuple(operand.value for operand in operands)


def rearranges(statement: Statement) -> TypeGuard[Term | View]:
    """Whether every entry of the output is one of the input."""
    return isinstance(statement, View) or copies(statement)


def copies(statement: Statement) -> bool:
    """Whether a statement copies entries, which it may repeat along further axes."""
    return (
        isinstance(statement, Term)
        and len(statement.inputs) == 1
        and statement.coefficient == statement.inputs[0].power == 1
        and not statement.windows
        and set(statement.inputs[0].labels) <= set(statement.out.labels)
    )


def maps(statement: Statement) -> bool:
    """Whether every entry of the output is a function of one of the input."""
    return copies(statement) or (
        isinstance(statement, Map)
        and len(statement.inputs) == 1
        and not (statement.absorbs or statement.ordered or statement.simplex)
        and set(statement.inputs[0].labels) <= set(statement.out.labels)
    )


def makers(program: Program, value: Value) -> list[Statement]:
    """The statements that define a value."""
    if value.origin is not Origin.COMPUTED:
        return []
    return program.about(value)


def back(
    program: Program, value: Value, labels: Labels, passes: Callable[[Statement], bool]
) -> tuple[Value, Labels]:
    """Go back to where a value comes from, as long as statements about whole axes let it pass.

    Args:
        program: The statements so far.
        value: Where to start.
        labels: What the axes of ``value`` are called.
        passes: Whether to go past a statement.

    Returns:
        The value where that ends, and what its axes are called.
    """
    made = makers(program, value)
    while len(made) == 1 and isinstance(last := made[0], (Term, Map)) and passes(last) and _of_axes(last):
        (source,) = last.inputs
        names = dict(zip((axis.labels for axis in last.out.axes), labels, strict=True))
        value, labels = source.value, [names.get(axis.labels) for axis in source.axes]
        made = makers(program, value)
    return value, labels


def _of_axes(statement: Term | Map) -> bool:
    """Whether a statement is about whole axes, not about parts or products of them."""
    return all(
        len(axis.labels) == (dim.size != 1) and sum(label.size for label in axis.labels) in (0, dim.size)
        for operand in (statement.out, *statement.inputs)
        for axis, dim in zip(operand.axes, operand.value.dims, strict=True)
    )
