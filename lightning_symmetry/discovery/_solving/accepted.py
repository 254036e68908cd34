"""Which solutions are news, and which are combinations of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from .family import MATRICES, WHOLE, Family, Vector
from .linear_system import LinearSystem

CONTAINING_FLIPS = (*MATRICES, "scaling", "sign")
"""Groups that sign flips may be part of."""


class Accepted:
    """The families found so far, and whether another one is a combination of them."""

    def __init__(self, image: Callable[[Family, int], Vector]) -> None:
        self._image = image
        self._by_class: dict[int, list[Family]] = defaultdict(list)
        self._spans: dict[tuple[bool, int, frozenset[int]], tuple[LinearSystem, int]] = {}

    def take(self, family: Family) -> bool:
        """Add a family, unless others contain it."""
        flips = family.group == "sign"
        others = self._by_class[family.c]
        key = (flips, family.c, family.joint)
        span, seen = self._spans.get(key) or (LinearSystem(modulus=2 if flips else None), 0)
        for other in others[seen:]:
            if other.joint >= family.joint and _contains(other, flips):
                span.equate(self._image(other, family.c))
        self._spans[key] = (span, len(others))
        new = bool(span.reduce(self._image(family, family.c))) or family.group in MATRICES
        if new:
            for c in {family.c, WHOLE, *family.companions}:
                self._by_class[c].append(family)
        return new


def _contains(family: Family, flips: bool) -> bool:
    """Whether a group may contain sign flips, or positive factors."""
    able = family.group in CONTAINING_FLIPS if flips else family.group not in ("sign", "orthogonal")
    return family.plain and able
