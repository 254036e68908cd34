"""Cells of recurrent networks: from what the input and the last state add to the gates to the next state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .._program.calls import Call, rule
from .._program.program import Program
from .._program.values import Value
from .contraction import add_broadcast
from .pieces import cut
from .pointwise import pointwise, product

States = tuple[Value, ...]
"""What a cell hands on: its hidden state, and the cell state of an LSTM."""

Cell = Callable[[Program, Value, Value, Value], States]
"""Takes the input's and the hidden state's part of all gates, and the last of the states before."""


def lstm(program: Program, given: Value, carried: Value, before: Value) -> States:
    """Cell state = forget · cell state + in · tanh(candidate); hidden state = out · tanh(cell state)."""
    gates = _sum(program, given, carried)
    into, forget, candidate, out = _parts(program, gates, 4)
    into, forget, out = (_sigmoid(program, gate) for gate in (into, forget, out))
    cell, hidden = program.value(out.shape), program.value(out.shape)
    product(program, cell, before, forget, 1)
    product(program, cell, _tanh(program, candidate), into, 1)
    product(program, hidden, _tanh(program, cell), out, 1)
    return hidden, cell


def gru(program: Program, given: Value, carried: Value, before: Value) -> States:
    """Hidden state = (1 − update) · candidate + update · hidden state; reset gates the candidate's memory."""
    given_reset, given_update, given_candidate = _parts(program, given, 3)
    carried_reset, carried_update, memory = _parts(program, carried, 3)
    reset = _sigmoid(program, _sum(program, given_reset, carried_reset))
    update = _sigmoid(program, _sum(program, given_update, carried_update))
    mixed, hidden = program.value(memory.shape), program.value(memory.shape)
    add_broadcast(program, mixed, given_candidate)
    product(program, mixed, memory, reset, 1)
    candidate, rest = _tanh(program, mixed), program.value(update.shape)
    pointwise(program, rest, update)
    product(program, hidden, candidate, rest, 1)
    product(program, hidden, before, update, 1)
    return (hidden,)


def relu(program: Program, given: Value, carried: Value, before: Value) -> States:
    """Cut the gate at zero."""
    hidden = program.value(given.shape)
    pointwise(program, hidden, _sum(program, given, carried), degree=1)
    return (hidden,)


def tanh(program: Program, given: Value, carried: Value, before: Value) -> States:
    """Bound the gate."""
    return (_tanh(program, _sum(program, given, carried)),)


@rule("_thnn_fused_lstm_cell")
def fused_lstm(program: Program, call: Call) -> None:
    """The cell of an LSTM."""
    _fused(program, call, lstm, call["cx"])


@rule("_thnn_fused_gru_cell")
def fused_gru(program: Program, call: Call) -> None:
    """The cell of a GRU."""
    _fused(program, call, gru, call["hx"])


def _fused(program: Program, call: Call, cell: Cell, before: Value) -> None:
    given = _with_bias(program, call["input_gates"], call["input_bias"])
    carried = _with_bias(program, call["hidden_gates"], call["hidden_bias"])
    # the last output is kept for the backward pass
    for out, state in zip(call.outs[:-1], cell(program, given, carried, before), strict=True):
        add_broadcast(program, out, state)


def _with_bias(program: Program, gates: Value, bias: Value | None) -> Value:
    return gates if bias is None else _sum(program, gates, bias)


def _parts(program: Program, gates: Value, count: int) -> Sequence[Value]:
    width = gates.shape[-1] // count
    parts = [program.value([*gates.shape[:-1], width]) for _ in range(count)]
    cut(program, gates, parts, -1, range(0, count * width, width))
    return parts


def _sum(program: Program, one: Value, other: Value) -> Value:
    out = program.value(one.shape)
    add_broadcast(program, out, one)
    add_broadcast(program, out, other)
    return out


def _sigmoid(program: Program, value: Value) -> Value:
    out = program.value(value.shape)
    pointwise(program, out, value)
    return out


def _tanh(program: Program, value: Value) -> Value:
    out = program.value(value.shape)
    pointwise(program, out, value, parity=-1)
    return out
