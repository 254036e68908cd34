"""One solution of the equations: a group, and with which exponents it acts on which atoms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from .constants import Frame

Number = Fraction | int
Vector = dict[int, Number]
WHOLE = -1
"""Stands for the class of what acts on whole tensors."""

MATRICES = ("general_linear", "orthogonal")
"""Groups that act by whole matrices."""


@dataclass(frozen=True)
class Family:
    """One solution: a group and the exponent of every variable, of the class ``c``, that it moves."""

    group: str
    c: int
    exponents: Vector
    shifts: Vector = field(default_factory=dict)
    companions: tuple[int, ...] = ()
    frames: Mapping[int, Frame] = field(default_factory=dict)
    centred: bool = False

    @property
    def plain(self) -> bool:
        """Whether every place sees the group as it is, and not through gains or means."""
        return not self.centred and not any(self.frames.values())

    @property
    def joint(self) -> frozenset[int]:
        """The classes whose indices tell the factors apart."""
        return frozenset({self.c, *self.companions}) - {WHOLE}
