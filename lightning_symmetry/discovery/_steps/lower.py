"""From statements about tensors to steps between their blocks, once the structure of every axis is known.

A block is a piece of a tensor that no sum cuts: a plain product of atoms. Each block has one variable for
itself and one for each of its atoms; the solvers write their equations in these.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import product as cartesian

from .._program.dims import Dim, Piece
from .._program.dims import blocks as cut
from .._program.program import Program
from .._program.statements import Centre, Map, Operand, Pin, Term, View
from .._program.values import Origin, Value

Cut = Callable[[Dim], list[Piece]]

Key = tuple[int, int]
"""An atom as a step sees it: which label, and which factor of it."""


@dataclass(frozen=True, eq=False)
class Block:
    """A product of atoms inside a value; ``pieces`` says where along each axis.

    What the program reads is the value plus ``about``.
    """

    value: Value
    pieces: tuple[Piece, ...]
    variable: int
    sizes: tuple[int, ...]
    about: float = 0

    def atom(self, position: int) -> int:
        """The variable of an atom."""
        return self.variable + 1 + position

    @property
    def atoms(self) -> range:
        """The variables of all atoms, in order."""
        return range(self.variable + 1, self.variable + 1 + len(self.sizes))


@dataclass(frozen=True)
class Slot:
    """A block in a step, with the position of each of the step's atoms in it."""

    block: Block
    keys: dict[Key, int]

    def variable(self, key: Key) -> int:
        """The variable of the atom that the step calls ``key``."""
        return self.block.atom(self.keys[key])


@dataclass(frozen=True, eq=False)
class Step:
    """A statement about blocks: ``slots[0]`` is the output.

    ``written`` is the statement of the program that it comes from, however it has been rewritten since;
    ``choice`` says which piece of every axis that is cut this step is about.
    """

    statement: Term | Map | Centre | View
    slots: tuple[Slot, ...]
    keys: dict[Dim, tuple[Key, ...]]
    written: Term | Map | Centre | View
    choice: frozenset[tuple[Dim, int]] = frozenset()

    def besides(self, labels: Sequence[Dim]) -> frozenset[tuple[Dim, int]]:
        """Which pieces of all axes but some."""
        return frozenset(item for item in self.choice if item[0] not in labels)

    @cached_property
    def out(self) -> Slot:
        """The output."""
        return self.slots[0]

    @cached_property
    def inputs(self) -> tuple[Slot, ...]:
        """The inputs."""
        return self.slots[1:]

    def over(self, labels: Sequence[Dim]) -> set[Key]:
        """The atoms of some labels."""
        return {key for label in labels for key in self.keys.get(label, ())}


@dataclass
class Lowered:
    """Blocks and steps of a program."""

    blocks: list[Block] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    pinned: list[tuple[Block, str]] = field(default_factory=list)
    variables: int = 0


_AGE = {Origin.PARAMETER: 0, Origin.BUFFER: 1, Origin.STATISTIC: 1}


def lower(program: Program) -> Lowered:
    """Cut all values into blocks and all statements into steps."""
    lowered = Lowered()
    blocks = cache(cut)
    of_value: dict[Value, list[Block]] = {}
    for value in _by_age(program):
        pieces = cartesian(*(blocks(dim) for dim in value.dims))
        of_value[value] = [_block(lowered, value, choice) for choice in pieces]
    for statement in program.statements:
        if isinstance(statement, Pin):
            lowered.pinned += [(b, statement.reason) for value in statement.values for b in of_value[value]]
        elif isinstance(statement, View):
            for pair in zip(of_value[statement.out], of_value[statement.input], strict=True):
                slots = tuple(Slot(b, {(0, i): i for i in range(len(b.sizes))}) for b in pair)
                lowered.steps.append(Step(statement, slots, {}, statement))
        else:
            inputs = (statement.input,) if isinstance(statement, Centre) else statement.inputs
            lowered.steps += _steps(statement, (statement.out, *inputs), of_value, blocks)
    return lowered


def _by_age(program: Program) -> list[Value]:
    """Parameters by first use, buffers, the rest: the old stay free, the young are solved for."""
    used: dict[Value, int] = {}
    for statement in program.statements:
        if isinstance(statement, (Term, Map)):
            for operand in statement.inputs:
                used.setdefault(operand.value, len(used))
        elif isinstance(statement, (Centre, View)):
            source = statement.input
            used.setdefault(source if isinstance(source, Value) else source.value, len(used))
    for value in used:
        if value.origin is Origin.STATISTIC:
            value.origin = Origin.BUFFER  # what something else reads has to move along
    order = {value: i for i, value in enumerate(program.values)}
    return sorted(
        program.values,
        key=lambda v: (_AGE.get(v.origin, 2), used.get(v, len(used)) if v.origin in _AGE else order[v]),
    )


def _block(lowered: Lowered, value: Value, pieces: tuple[Piece, ...]) -> Block:
    sizes = tuple(dim.size for piece in pieces for dim, _ in piece.atoms)
    block = Block(value, pieces, lowered.variables, sizes)
    lowered.variables += 1 + len(sizes)
    lowered.blocks.append(block)
    return block


def _steps(
    statement: Term | Map | Centre,
    operands: tuple[Operand, ...],
    of_value: dict[Value, list[Block]],
    blocks: Cut,
) -> Iterator[Step]:
    labels = list(dict.fromkeys(label for operand in operands for label in operand.labels))
    pieces = [blocks(label) for label in labels]
    number = {label: i for i, label in enumerate(labels)}
    for choice in cartesian(*(range(len(options)) for options in pieces)):
        keys = {
            label: tuple((i, k) for k in range(len(pieces[i][choice[i]].atoms)))
            for label, i in number.items()
        }
        slots = tuple(_slot(o, number, pieces, choice, keys, of_value, blocks) for o in operands)
        cut = frozenset((label, choice[i]) for label, i in number.items() if len(pieces[i]) > 1)
        yield Step(statement, slots, keys, statement, cut)


def _slot(
    operand: Operand,
    number: dict[Dim, int],
    pieces: list[list[Piece]],
    choice: tuple[int, ...],
    keys: dict[Dim, tuple[Key, ...]],
    of_value: dict[Value, list[Block]],
    blocks: Cut,
) -> Slot:
    index, position, seen = 0, 0, {}
    for axis, dim in zip(operand.axes, operand.value.dims, strict=True):
        place = 0
        for label in axis.labels:
            place = place * len(pieces[number[label]]) + choice[number[label]]
            for key in keys[label]:
                seen[key] = position
                position += 1
        place += sum(len(blocks(part)) for part in axis.before)
        index = index * len(blocks(dim)) + place
    block = of_value[operand.value][index]
    if len(block.sizes) != position:
        raise AssertionError(f"structure of {operand.value.name or 'a value'} of shape {operand.value.shape}")
    return Slot(block, seen)
