"""Complex numbers: every tensor of them has a last axis that holds the real and the imaginary part.

So to read the parts, or to make a number of them, changes nothing, and what is linear with real coefficients
does to both parts what it does to real numbers.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from torch.utils._pytree import tree_map_only

from .._program.calls import RULES, Call, complex_rule, rule
from .._program.dims import Dim, StructureConflict
from .._program.program import Program
from .._program.statements import Axes, Axis
from .._program.values import Origin, Value
from .contraction import add_broadcast, broadcast
from .pointwise import pointwise, scale

REAL, IMAGINARY = PARTS = (0, 1)

LINEAR = (
    "_reshape_alias _to_copy _unsafe_view add add_ alias broadcast_to cat chunk clone constant_pad_nd "
    "contiguous copy copy_ cumsum detach detach_ diagonal empty empty_like empty_strided expand flatten "
    "flip gather index index_select lift_fresh lift_fresh_copy masked_fill mean neg neg_ new_empty "
    "new_zeros permute positive repeat reshape roll rsub select slice split split_with_sizes squeeze "
    "stack sub sub_ sum t t_ transpose transpose_ tril triu unbind unflatten unsafe_chunk unsafe_split "
    "unsqueeze unsqueeze_ view where zeros zeros_like"
)
PLACES = ("condition", "index", "indices", "mask")
"""Arguments that say where; all other tensors hold numbers."""
NUMBERS = ("other", "self", "value")
"""Arguments that may be numbers of which only the real part meets real parts; all others are coefficients."""


def at(part: int) -> Axis:
    """The place of a part on the last axis."""
    return Axis((), (Dim(part),))


def part_of(program: Program, value: Value, part: int) -> Value:
    """Take one part of complex numbers."""
    out = program.value(value.shape[:-1])
    labels: Axes = [Dim(size) for size in out.shape]
    program.term((out, labels), (value, [*labels, at(part)]))
    return out


def add_part(program: Program, out: Value, part: int, value: Value, coefficient: float = 1) -> None:
    """Add real numbers to one part of complex ones."""
    labels = [Dim(size) for size in out.shape[:-1]]
    program.term((out, [*labels, at(part)]), (value, broadcast(value, labels)), coefficient=coefficient)


@complex_rule(*LINEAR.split())
def linear(program: Program, call: Call) -> None:
    """Do to both parts what is done to real numbers, which have no imaginary part."""
    meaning = RULES.get(call.operation.overloadpacket)
    if meaning is None:
        raise StructureConflict("no rule")
    for part in PARTS if call.pairs.issuperset(call.outs) else (REAL,):
        outs = tuple(program.value(out.shape[:-1]) if out in call.pairs else out for out in call.outs)
        arguments = {name: _argument(program, call, name, part) for name in call.arguments}
        meaning(program, replace(call, arguments=arguments, outs=outs, pairs=frozenset()))
        for out, made in zip(call.outs, outs, strict=True):
            if out is not made:
                add_part(program, out, part, made)


def _argument(program: Program, call: Call, name: str, part: int) -> Any:
    """What an argument is to the real parts, or to the imaginary ones."""
    argument = call[name]
    if name in PLACES:
        return argument
    if name in NUMBERS and isinstance(argument, (int, float, complex)):
        return (complex(argument).real, complex(argument).imag)[part]

    def number(value: Value) -> Value:
        if value in call.pairs:
            return part_of(program, value, part)
        return value if part is REAL else program.value(value.shape, Origin.ZERO)

    return tree_map_only(Value, number, argument)


@complex_rule("view_as_real", "view_as_complex", "view_as_real_copy", "view_as_complex_copy")
def same_numbers(program: Program, call: Call) -> None:
    """The same real numbers in the same places."""
    add_broadcast(program, call.out, call["self"])


@complex_rule("complex")
def from_parts(program: Program, call: Call) -> None:
    """Put a real and an imaginary part together."""
    add_part(program, call.out, REAL, call["real"])
    add_part(program, call.out, IMAGINARY, call["imag"])


@complex_rule("_conj", "_conj_physical", "conj_physical", "conj_physical_")
def conjugate(program: Program, call: Call) -> None:
    """Turn the imaginary part around."""
    for part, sign in zip(PARTS, (1, -1), strict=True):
        add_part(program, call.out, part, part_of(program, call["self"], part), coefficient=sign)


@rule("_neg_view")
def negative(program: Program, call: Call) -> None:
    """Turn all signs around, as torch does lazily for the imaginary parts of conjugates."""
    scale(program, call.out, call["self"], -1.0)


@complex_rule("abs")
def absolute(program: Program, call: Call) -> None:
    """The root of the sum of the parts' squares."""
    _root(program, call.out, squared(program, call["self"]))


@complex_rule("angle")
def angle(program: Program, call: Call) -> None:
    """A function of the number divided by its absolute value."""
    value = call["self"]
    length, unit = program.value(value.shape[:-1]), program.value(value.shape)
    _root(program, length, squared(program, value))
    *labels, part = (Dim(size) for size in value.shape)
    program.term((unit, [*labels, part]), (value, [*labels, part]), (length, labels, -1))
    pointwise(program, call.out, *(part_of(program, unit, part) for part in PARTS))


@complex_rule("polar")
def polar(program: Program, call: Call) -> None:
    """A length times the cosine and the sine of an angle."""
    _turned(program, call.out, call["abs"], call["angle"])


@complex_rule("exp", "exp_")
def exponential(program: Program, call: Call) -> None:
    """The real part gives the length, the imaginary one the angle."""
    exponent, turn = (part_of(program, call["self"], part) for part in PARTS)
    length = program.value(exponent.shape)
    pointwise(program, length, exponent, exponent=1)
    _turned(program, call.out, length, turn)


def _turned(program: Program, out: Value, length: Value, turn: Value) -> None:
    for part, parity in zip(PARTS, (1, -1), strict=True):
        wave = program.value(turn.shape)
        pointwise(program, wave, turn, parity=parity)
        labels = [Dim(size) for size in out.shape[:-1]]
        factors = [(value, broadcast(value, labels)) for value in (length, wave)]
        program.term((out, [*labels, at(part)]), *factors)


def squared(program: Program, value: Value) -> Value:
    """The squared absolute values."""
    labels, part = [Dim(size) for size in value.shape[:-1]], Dim(2)
    out = program.value(value.shape[:-1])
    program.term((out, labels), (value, [*labels, part], 2))
    return out


def _root(program: Program, out: Value, square: Value) -> None:
    pointwise(program, out, square, degree=0.5)
