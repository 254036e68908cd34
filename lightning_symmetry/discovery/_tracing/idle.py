"""Parameters that take no part in a computation."""

from __future__ import annotations

from .._program.program import Program
from .._program.statements import Centre, Pin, Statement, View
from .._program.values import Origin, Value


def pin_idle(program: Program) -> Program:
    """Pin the parameters that nothing was computed from: elsewhere, something may be.

    Args:
        program: What was computed.

    Returns:
        The same program.
    """
    active = {value for statement in program.statements for value in _used(statement)}
    idle = [value for value in program.values if value.origin is Origin.PARAMETER and value not in active]
    program.pin(idle, "it takes no part in what was traced")
    return program


def _used(statement: Statement) -> tuple[Value, ...]:
    if isinstance(statement, Pin):
        return ()
    if isinstance(statement, View):
        return (statement.input,)
    operands = (statement.input,) if isinstance(statement, Centre) else statement.inputs
    return tuple(operand.value for operand in operands)
