"""Recurrent networks in one kernel: a cell at all times at once, handed the states of the time before.

Nothing is unrolled. What holds at every time is stated once, with time as an axis of data, and handing on is
a sliding window along it. The solvers ask what all statements allow together, so by induction it holds at all
times; and no shift passes a window that begins with something else, the initial state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .._program.calls import Call, rule
from .._program.dims import Dim
from .._program.program import Program
from .._program.statements import Axis
from .._program.values import Origin, Value
from .contraction import add_broadcast
from .pieces import cut
from .pointwise import product
from .recurrent_cell import Cell, States, gru, lstm, relu, tanh

KINDS: tuple[Cell, ...] = (relu, tanh, lstm, gru)
"""Cells by the numbers under which the kernels know them."""


@dataclass(frozen=True)
class Times:
    """The axes of a sequence but the last, which holds the units; packed sequences have one, ``time``."""

    positions: tuple[Dim, ...]
    time: Dim
    batch: Dim

    def one(self, program: Program) -> tuple[Value, list[Dim]]:
        """A constant that is 1 at one time of every sequence, the first or the last, and 0 at the others."""
        labels = [self.time] if self.batch in self.positions else [self.time, self.batch]
        return program.value([label.size for label in labels], Origin.FIXED), labels


def layer(
    program: Program, cell: Cell, data: Value, weights: Sequence[Value], initial: States, times: Times
) -> tuple[States, States]:
    """Run a cell along a sequence, forwards or backwards.

    Args:
        program: Where to state it.
        cell: What happens at each time.
        data: The input at all times.
        weights: Of the input and of the hidden state, then the biases of both, if any, and the projection of
            the hidden state, if any.
        initial: The states before the first time.
        times: The axes of the data.

    Returns:
        The states at all times, and those at the last.
    """
    given_weight, carried_weight, *rest = weights
    given_bias, carried_bias = rest[:2] if len(rest) > 1 else (None, None)
    before = tuple(program.value([*data.shape[:-1], state.shape[-1]]) for state in initial)
    for state, start in zip(before, initial, strict=True):
        unit = Dim(start.shape[-1])
        first = times.one(program)
        program.term((state, [*times.positions, unit]), (start, [times.batch, unit]), first)
    given = _affine(program, data, given_weight, given_bias)
    carried = _affine(program, before[0], carried_weight, carried_bias)
    hidden, *others = cell(program, given, carried, before[-1])
    if len(rest) % 2:
        hidden = _affine(program, hidden, rest[-1], None)
    after = (hidden, *others)
    final = tuple(program.value(start.shape) for start in initial)
    for state, last, made in zip(before, final, after, strict=True):
        _hand_on(program, state, made, times)
        unit = Dim(made.shape[-1])
        program.term((last, [times.batch, unit]), (made, [*times.positions, unit]), times.one(program))
    return after, final


def _hand_on(program: Program, before: Value, after: Value, times: Times) -> None:
    if times.time.size > 1:
        unit, earlier = Dim(after.shape[-1]), Dim(times.time.size)
        made = [earlier if label is times.time else label for label in times.positions]
        program.term(
            (before, [*times.positions, unit]),
            (after, [*made, unit]),
            windows=[(earlier, times.time)],
            even=False,
        )


def _affine(program: Program, data: Value, weight: Value, bias: Value | None) -> Value:
    out = program.value([*data.shape[:-1], weight.shape[0]])
    *positions, inner, outer = (Dim(size) for size in (*data.shape, weight.shape[0]))
    program.term((out, [*positions, outer]), (data, [*positions, inner]), (weight, [outer, inner]))
    if bias is not None:
        add_broadcast(program, out, bias)
    return out


@rule("mkldnn_rnn_layer")
def one_layer(program: Program, call: Call) -> None:
    """A layer in one direction; without biases their places are taken by the weights."""
    weights = [call[f"weight{i}"] for i in range(4 if call["has_biases"] else 2)]
    positions = tuple(Dim(size) for size in call["input"].shape[:-1])
    times = Times(positions, *positions)
    initial = (call["hx_"], call["cx_"])
    (hidden, *_), final = layer(program, KINDS[call["mode"]], call["input"], weights, initial, times)
    for out, value in zip(call.outs, (hidden, *final), strict=False):
        add_broadcast(program, out, value)


@rule("_cudnn_rnn", "miopen_rnn")
def layers(program: Program, call: Call) -> None:
    """Layers on top of each other, in one direction or both."""
    cell, stride = KINDS[call["mode"]], call["weight_stride0"]
    weights = [call["weight"][i : i + stride] for i in range(0, len(call["weight"]), stride)]
    initial = [state for state in (call["hx"], call["cx"]) if state is not None]
    starts = [_unstacked(program, state) for state in initial]
    directions, data = 1 + call["bidirectional"], call["input"]
    times = _times(call, initial[0].shape[1])
    for first in range(0, len(weights), directions):
        if first and call["dropout"] and call["train"]:
            # what the kernel draws stays inside: it cannot move along with anything
            thinned = program.value(data.shape)
            product(program, thinned, data, program.value(data.shape, Origin.FIXED), 1)
            data = thinned
        width = initial[0].shape[-1]
        joined = program.value([*data.shape[:-1], width * directions])
        for direction in range(directions):
            i = first + direction
            start = tuple(state[i] for state in starts)
            (hidden, *_), final = layer(program, cell, data, weights[i], start, times)
            unit = Dim(width)
            axis = Axis((unit,), (Dim(direction * width),))
            program.term((joined, [*times.positions, axis]), (hidden, [*times.positions, unit]))
            for out, last in zip(call.outs[1:], final, strict=False):
                batch, unit = (Dim(size) for size in last.shape)
                program.term((out, [Axis((), (Dim(i),)), batch, unit]), (last, [batch, unit]))
        data = joined
    add_broadcast(program, call.out, data)


def _times(call: Call, batch: int) -> Times:
    positions = tuple(Dim(size) for size in call["input"].shape[:-1])
    if call["batch_sizes"]:
        return Times(positions, positions[0], Dim(batch))
    return Times(positions, *(positions[::-1] if call["batch_first"] else positions))


def _unstacked(program: Program, states: Value) -> Sequence[Value]:
    pieces = [program.value(states.shape[1:]) for _ in range(states.shape[0])]
    cut(program, states, pieces, 0, range(len(pieces)))
    return pieces


@rule("_pack_padded_sequence")
def pack(program: Program, call: Call) -> None:
    """Pick the entries of a batch of sequences that are no padding, times and sequences on one axis."""
    data, lengths, (out, sizes, *_) = call["input"], call["lengths"], call.outs
    program.pin([lengths, sizes], "lengths of sequences")
    positions = program.value([data.shape[0] * data.shape[1], *data.shape[2:]])
    program.view(positions, data)
    padded, *rest = (Dim(size) for size in positions.shape)
    packed = Dim(out.shape[0])
    program.term((out, [packed, *rest]), (positions, [padded, *rest]), windows=[(padded, packed)])
