"""Indices as numbers: where they are compared, their one-hot tensors meet."""

from __future__ import annotations

from .._program.calls import Call, rule
from .._program.dims import Dim, StructureConflict
from .._program.places import carried, one_hot
from .._program.program import Program
from .._program.values import Value
from .contraction import add_broadcast, broadcast
from .masking import compare
from .pointwise import pointwise


@rule("eq", "eq_")
def equal(program: Program, call: Call) -> None:
    """Two indices are equal where their one-hot tensors meet; other numbers are compared entry by entry."""
    operands = [v for v in (call["self"], call["other"]) if isinstance(v, Value)]
    hots = [carried(program, v) for v in operands]
    counts = [hot.shape[-1] for hot in hots if hot is not None]
    if len(counts) < 2 or len(set(counts)) > 1:
        compare(program, call)
        return
    labels = [Dim(size) for size in call.out.shape]
    (one, ones, place), (other, others, _) = (
        one_hot(program, v, broadcast(v, labels), counts[0]) for v in operands
    )
    program.term((call.out, labels), (one, [*ones, place]), (other, [*others, place]))


@rule("remainder", "remainder_")
def remainder(program: Program, call: Call) -> None:
    """An index stays as it is if it cannot reach the divisor."""
    value, divisor = call["self"], call["other"]
    hot = carried(program, value) if isinstance(value, Value) else None
    if hot is not None and isinstance(divisor, int) and divisor >= hot.shape[-1]:
        add_broadcast(program, call.out, value)
    else:
        pointwise(program, call.out, *(v for v in (value, divisor) if isinstance(v, Value)))


@rule(
    "bincount",
    "bucketize",
    "histc",
    "masked_select",
    "nonzero",
    "searchsorted",
    "unique_consecutive",
    "unique_dim",
)
def depends_on_numbers(program: Program, call: Call) -> None:
    """How many entries there are, or where they go, depends on every number."""
    raise StructureConflict("how many there are, or where they go, depends on every number")
