"""What is known about one axis of a parameter."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace

from ._obstacles import KINDS, MATRIX, PERMUTATION, SCALING, SIGN, Obstacle

CONTAINED = {
    "permutation": (PERMUTATION,),
    "sign": (SIGN,),
    "positive_scaling": (SCALING,),
    "scaling": (SCALING, SIGN),
    "general_linear": KINDS,
    "orthogonal": (PERMUTATION, MATRIX, SIGN),
    "plane_rotation": (MATRIX,),
}
"""The kinds of group that each group contains."""

UNDONE = "nothing in the model undoes it"
"""The reason where every single operation would let a group pass."""


@dataclass(frozen=True)
class Fact:
    """What acts on an axis of a parameter, or on a part of it, and what does not.

    Attributes:
        parameter: Dotted name of the parameter.
        axis: The axis; ``None`` for the parameter as a whole.
        indices: The indices that are told apart; of an axis that is a product, the first for each of them.
        whole: Whether they are all indices of the axis.
        symmetries: Names of the symmetries that act.
        copies: Names of those that act elsewhere, by an element of their own for each index.
        obstacles: What keeps other kinds of group from acting.
    """

    parameter: str
    axis: int | None
    indices: range
    whole: bool
    symmetries: tuple[str, ...]
    copies: tuple[str, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()

    def __str__(self) -> str:
        count, step = len(self.indices), f":{self.indices.step}" if self.indices.step > 1 else ""
        where = f"axis {self.axis}" if self.axis is not None else "as a whole"
        if not self.whole:
            where += f" [{self.indices.start}:{self.indices.stop}{step}]"
        if self.axis is not None:
            where += f" ({count})"
        acting = [*self.symmetries, *(f"{name} for each" for name in self.copies)]
        return "\n".join([f"  {where}: {', '.join(acting) or 'nothing acts'}", *self._reasons()])

    def joined(self, other: Fact) -> Fact:
        """Return one fact about the same indices in two parts of the parameter."""
        symmetries = tuple(dict.fromkeys((*self.symmetries, *other.symmetries)))
        return replace(
            self, symmetries=symmetries, copies=tuple(dict.fromkeys((*self.copies, *other.copies)))
        )

    def _reasons(self) -> Iterator[str]:
        for obstacle in self.obstacles:
            pinned = obstacle.prevents == KINDS
            yield f"    {'pinned' if pinned else 'no ' + ', no '.join(obstacle.prevents)}: {obstacle.reason}"


def kinds_of(group: str, *, copied: bool) -> tuple[str, ...]:
    """The kinds of group that act on an axis along which a group acts, or that runs over its copies."""
    kinds = CONTAINED.get(group, ())
    return tuple(kind for kind in kinds if kind in (SCALING, SIGN)) if copied else kinds


def missing(reasons: Mapping[str, str], present: Collection[str]) -> tuple[Obstacle, ...]:
    """Say what keeps the kinds of group from acting that are not present.

    Args:
        reasons: The reason for each kind that has one.
        present: The kinds that act.

    Returns:
        The obstacles.
    """
    # what tells the indices apart is reason enough for everything
    pinned = reasons.get(PERMUTATION) if PERMUTATION not in present else None
    kinds: dict[str, list[str]] = defaultdict(list)
    for kind in KINDS if reasons or present else ():
        if kind not in present:
            kinds[pinned or reasons.get(kind, UNDONE)].append(kind)
    return tuple(Obstacle(tuple(prevented), reason) for reason, prevented in kinds.items())
