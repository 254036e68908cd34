"""The tensors of a trace, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from .dims import Dim, fix

ONE = "1"
"""The name of a constant that is one everywhere."""


class Origin(Enum):
    """Where the numbers of a value come from, and so what may happen to them."""

    PARAMETER = "trained: moves freely"
    BUFFER = "lives on a space: moves with it"
    STATISTIC = "follows what it tracks, and is only written"
    NOISE = "drawn afresh: its distribution is all that counts"
    SYMMETRIC_NOISE = "drawn afresh, as likely as its negative"
    FILL = "one constant everywhere"
    ZERO = "nothing"
    FIXED = "data, constants and frozen parameters: never moves"
    MEAN = "couples what it is the mean of, though nothing reads it"
    COMPUTED = "made by statements"


class Value:
    """A tensor of the trace: its axes, and where it comes from.

    ``number`` is what a value holds everywhere, if that is known. ``one_hot`` is there for whole numbers that
                say where: the same places as a one-hot tensor, its last axis running over all of them.
    ``place`` says which operation made it, in which module.
    """

    __slots__ = ("dims", "name", "number", "one_hot", "origin", "place")

    def __init__(self, shape: Sequence[int], origin: Origin = Origin.COMPUTED, name: str = "") -> None:
        self.dims = tuple(Dim(int(size)) for size in shape)
        self.origin = origin
        self.name = name
        self.place = ""
        self.number: float | None = None
        self.one_hot: Value | None = None
        if origin is Origin.FIXED:
            for dim in self.dims:
                fix(dim)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(dim.size for dim in self.dims)
