"""Axes cut into so many parts that following all of them costs more than it can tell.

``x[1:] - x[:-1]`` makes every entry of an axis a part of its own, and where several such axes meet there are
as many blocks as entries. Then the operation sees copies of its inputs whose axes are whole: what it does to
the parts is not followed, so that they stay where they are, while everything else about the inputs is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from math import prod

from torch.utils._pytree import tree_map_only

from .._program.attempt import attempt
from .._program.calls import Call, Rule
from .._program.dims import MOST_PARTS, Dim, Shattered, fixed, now, parts
from .._program.program import Program
from .._program.statements import Pin, Statement, View
from .._program.values import Value

MOST_CUT = 64
"""A tensor that was there before is not cut into more parts than this."""

MOST_WHOLE = 8
"""An axis in more parts than this is made whole, and so is one along which data lies."""


def followed(rule: Rule, program: Program, call: Call) -> None:
    """Write an operation down, with whole copies of its inputs if that takes too many parts.

    Raises:
        StructureConflict: If the axes do not fit each other; nothing has been learnt about them then.
    """
    age = min((dim.age for out in call.outs for dim in out.dims), default=now())
    try:
        with _written(program, age):
            rule(program, call)
    except Shattered:
        with _written(program, age):
            rule(program, _with_whole_inputs(program, call))


@contextmanager
def _written(program: Program, age: int) -> Iterator[None]:
    """Take statements back if they do not come to an end, or shatter axes that are older than some age."""
    length = len(program.statements)
    try:
        with attempt() as learnt:
            yield
            _check(map(_axes, program.statements[length:]), MOST_PARTS)
            if learnt.has_cut(age):
                _check((value.dims for value in program.values), MOST_CUT)
    except BaseException as error:
        program.take_back(length)
        if isinstance(error, RecursionError):
            raise Shattered("parts of parts without end") from error
        raise


def _check(places: Iterable[Iterable[Dim]], most: int) -> None:
    for axes in places:
        count = prod(map(parts, axes))
        if count > most:
            raise Shattered(f"axes in {count} parts")


def _axes(statement: Statement) -> Iterable[Dim]:
    """The axes that a statement runs over."""
    if isinstance(statement, Pin):
        return ()
    if isinstance(statement, View):
        return statement.out.dims
    inputs = (statement.input,) if hasattr(statement, "input") else statement.inputs
    return dict.fromkeys(label for operand in (statement.out, *inputs) for label in operand.labels)


def _with_whole_inputs(program: Program, call: Call) -> Call:
    copies: dict[Value, Value] = {}

    def whole(value: Value) -> Value:
        if value not in copies:
            copies[value] = _whole(program, value)
        return copies[value]

    return replace(
        call,
        arguments=tree_map_only(Value, whole, call.arguments),
        masks=frozenset(map(whole, call.masks)),
        pairs=frozenset(whole(value) if value not in call.outs else value for value in call.pairs),
    )


def _whole(program: Program, value: Value) -> Value:
    """A copy of a value that shares all axes with it but those in many parts."""
    cut = [parts(dim) > (1 if fixed(dim) else MOST_WHOLE) for dim in value.dims]
    if not any(cut):
        return value
    copy = program.value(value.shape)
    axes = [Dim(size) for size in value.shape]
    seen = [Dim(a.size) if is_cut else a for a, is_cut in zip(axes, cut, strict=True)]
    windows = [(one, other) for one, other in zip(axes, seen, strict=True) if one is not other]
    program.term((copy, seen), (value, axes), windows=windows, even=False)
    return copy
