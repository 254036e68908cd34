"""A traced network in five kinds of statement, whatever operations it was written with.

``Term``    out += coefficient · Σ Π inputs, an einsum: contractions, sums, copies, views, cuts and products
            with powers
``Map``     out = f(inputs), entry by entry, except for labels that f reduces (max pooling) or normalises over
            (softmax)
``Centre``  out = input − its mean over some labels
``View``    the same entries in the same order, other axes
``Pin``     nothing here may move

Operands name their axes by *labels*, which are :class:`~.dims.Dim`: where two operands share a label, their
axes are the same axis. Writing a statement unifies them, so the structure of every axis is known once the
program is complete.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .dims import Dim
from .values import Value


class Axis(NamedTuple):
    """How an operand sees an axis: the labels it is the product of, past what is cut off before them."""

    labels: tuple[Dim, ...] = ()
    before: tuple[Dim, ...] = ()


Axes = Sequence["Axis | Dim | tuple[Dim, ...] | None"]


class Operand(NamedTuple):
    """A value with its axes labelled, raised to a power."""

    value: Value
    axes: tuple[Axis, ...]
    power: float = 1

    @property
    def labels(self) -> tuple[Dim, ...]:
        """All labels, in order."""
        return tuple(label for axis in self.axes for label in axis.labels)


@dataclass(frozen=True, eq=False)
class Term:
    """``out += coefficient · Σ Π inputs`` over the labels that ``out`` lacks.

    ``windows`` pairs labels of the input with labels of ``out`` where the one is mixed into the other by a
                sliding window;
    ``even`` says that a constant stays a constant under it (no padding). The order of ``ordered`` labels
                matters. ``function`` names the sliding window: the same name always means the same one.
    """

    out: Operand
    inputs: tuple[Operand, ...]
    coefficient: float = 1
    windows: tuple[tuple[Dim, Dim], ...] = ()
    even: bool = True
    ordered: tuple[Dim, ...] = ()
    function: str = ""


@dataclass(frozen=True, eq=False)
class Map:
    """``out = f(inputs)``.

    ``degree``: f(λx) = λ^degree f(x) for λ > 0, or None. ``parity``: +1 even, −1 odd, 0 neither. ``absorbs``:
                labels such
    that f does not see a shift constant along all of them. ``at_zero_eps``: the degree holds where an eps is
    driven to zero. ``exponent``: +1 when f turns shifts into factors (exp), −1 when factors into shifts
    (log). ``ordered``: labels whose order matters. ``simplex``: labels over which ``out`` always sums to one.
    ``function`` names f where the same name always means the same f.
    """

    out: Operand
    inputs: tuple[Operand, ...]
    degree: float | None = None
    parity: int = 0
    absorbs: tuple[Dim, ...] = ()
    at_zero_eps: bool = False
    exponent: int = 0
    ordered: tuple[Dim, ...] = ()
    simplex: tuple[Dim, ...] = ()
    function: str = ""


@dataclass(frozen=True, eq=False)
class Centre:
    """``out = input − mean of the input over the labels in over``."""

    out: Operand
    input: Operand
    over: tuple[Dim, ...]


@dataclass(frozen=True, eq=False)
class View:
    """``out`` holds the entries of ``input`` in the same order, its axes products of the same factors."""

    out: Value
    input: Value


@dataclass(frozen=True, eq=False)
class Pin:
    """Nothing that reaches these values may change them."""

    values: tuple[Value, ...]
    reason: str


Statement = Term | Map | Centre | View | Pin


def defined(statement: Statement) -> tuple[Value, ...]:
    """The values that a statement says something about."""
    if isinstance(statement, Pin):
        return statement.values
    return (statement.out if isinstance(statement, View) else statement.out.value,)
