"""The program of one traced computation: what rules write down, statement by statement."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from math import prod

from .dims import Dim, StructureConflict, product, total
from .statements import Axes, Axis, Centre, Map, Operand, Pin, Statement, Term, View, defined
from .unify import align, unify
from .values import Origin, Value


@dataclass
class Program:
    """The statements of one traced computation, in order, and the values they start from.

    ``place`` names the operation that is being written down, and the module that runs it; ``call`` holds the
    operation with all numbers that it was given, and how many statements came before it.
    """

    statements: list[Statement] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    place: str = ""
    call: tuple[str, int] | None = None
    _about: dict[Value, list[Statement]] = field(default_factory=lambda: defaultdict(list), repr=False)

    def about(self, value: Value) -> list[Statement]:
        """The statements that define a value, or pin it."""
        return self._about.get(value, [])

    def take_back(self, length: int) -> None:
        """Forget all statements but the first."""
        while len(self.statements) > length:
            for value in dict.fromkeys(defined(self.statements.pop())):
                self._about[value].pop()

    def _add(self, statement: Statement) -> None:
        self.statements.append(statement)
        for value in dict.fromkeys(defined(statement)):
            self._about[value].append(statement)

    def value(self, shape: Sequence[int], origin: Origin = Origin.COMPUTED, name: str = "") -> Value:
        """Add a value."""
        value = Value(shape, origin, name)
        value.place = self.place
        self.values.append(value)
        return value

    def term(
        self,
        out: tuple[Value, Axes],
        *inputs: tuple[Value, Axes] | tuple[Value, Axes, float],
        coefficient: float = 1,
        windows: Iterable[tuple[Dim, Dim]] = (),
        even: bool = True,
        ordered: Iterable[Dim] = (),
    ) -> None:
        """Add a term to ``out``; nothing if the coefficient is zero."""
        if not coefficient:
            return
        operands = tuple(_operand(*item) for item in inputs)
        pairs = tuple(windows)
        moving = (*(label for pair in pairs for label in pair), *ordered)
        named = self._function()
        self._add(Term(_operand(*out), operands, coefficient, pairs, even, moving, named))

    def map(
        self,
        out: tuple[Value, Axes],
        *inputs: tuple[Value, Axes],
        degree: float | None = None,
        parity: int = 0,
        absorbs: Iterable[Dim] = (),
        at_zero_eps: bool = False,
        exponent: int = 0,
        ordered: Iterable[Dim] = (),
        simplex: Iterable[Dim] = (),
    ) -> None:
        """Define ``out`` as a function of the inputs, entry by entry."""
        operands = tuple(_operand(*item) for item in inputs)
        self._add(
            Map(
                _operand(*out),
                operands,
                degree,
                parity,
                tuple(absorbs),
                at_zero_eps,
                exponent,
                tuple(ordered),
                tuple(simplex),
                self._function(),
            )
        )

    def _function(self) -> str:
        """A name that is the same for the same statement of the same operation with the same numbers."""
        return f"{self.call[0]}#{len(self.statements) - self.call[1]}" if self.call else ""

    def centre(self, value: Value, axes: Axes, over: Iterable[Dim]) -> Value:
        """Subtract the mean over some labels and return the result."""
        gone = set(over)
        kept = [label for axis in axes for label in _axis(axis).labels if label not in gone]
        # the mean joins what a sum cuts apart
        self.term((self.value([label.size for label in kept], Origin.MEAN), kept), (value, axes))
        out = self.value(value.shape)
        self._add(Centre(_operand(out, axes), _operand(value, axes), tuple(over)))
        return out

    def view(self, out: Value, value: Value) -> None:
        """Say that ``out`` has the entries of ``value`` in the same order."""
        align(list(value.dims), list(out.dims))
        self._add(View(out, value))

    def pin(self, values: Iterable[Value], reason: str) -> None:
        """Say that nothing may move these values, and why."""
        self._add(Pin(tuple(values), f"{self.place}: {reason}" if self.place else reason))


def _operand(value: Value, axes: Axes, power: float = 1) -> Operand:
    if len(axes) != len(value.dims):
        raise StructureConflict(f"{len(axes)} labels for a tensor of {len(value.dims)} axes")
    seen = tuple(_axis(axis) for axis in axes)
    for dim, axis in zip(value.dims, seen, strict=True):
        middle = product(axis.labels)
        rest = dim.size - middle.size - sum(part.size for part in axis.before)
        if rest < 0 or (rest and dim.size == 0):
            raise StructureConflict(f"an axis of {dim.size} cannot hold {middle.size}")
        unify(dim, total([*axis.before, middle, Dim(rest)]))
    return Operand(value, seen, power)


def _axis(axis: Axis | Dim | tuple[Dim, ...] | None) -> Axis:
    if isinstance(axis, Axis):
        labels, before = axis.labels, axis.before
    elif isinstance(axis, Dim):
        labels, before = (axis,), ()
    else:
        labels, before = (axis or ()), ()
    if prod(label.size for label in labels) == 0:
        raise StructureConflict("an axis of length zero")
    # an axis of length one carries no index: its label says nothing and would only tie what is apart
    return Axis(tuple(label for label in labels if label.size != 1), tuple(b for b in before if b.size))
