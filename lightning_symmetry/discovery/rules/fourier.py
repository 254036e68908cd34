"""Fourier transforms: products with constant matrices along some axes."""

from __future__ import annotations

from .._program.calls import Call, complex_rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.values import Origin


@complex_rule("_fft_r2c", "_fft_c2c", "_fft_c2r")
def transform(program: Program, call: Call) -> None:
    """A constant mixes the transformed axes, and the parts of complex numbers; the other axes stay."""
    before, after = ([Dim(size) for size in value.shape] for value in (call["self"], call.out))
    rank = len(after) - (call.out in call.pairs)
    mixed = {dim % rank for dim in call["dim"]}
    after[:rank] = [after[i] if i in mixed else before[i] for i in range(rank)]
    constant = [label for label in (*before, *after) if label not in before or label not in after]
    matrix = program.value([label.size for label in constant], Origin.FIXED)
    program.term((call.out, after), (call["self"], before), (matrix, constant))
