"""The tensors of a trace, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from ._dims import Dim


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
    COMPUTED = "made by statements"


class Value:
    """A tensor of the trace: its axes, and where it comes from."""

    __slots__ = ("dims", "name", "origin")

    def __init__(self, shape: Sequence[int], origin: Origin = Origin.COMPUTED, name: str = "") -> None:
        self.dims = tuple(Dim(int(size)) for size in shape)
        self.origin = origin
        self.name = name

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(dim.size for dim in self.dims)
