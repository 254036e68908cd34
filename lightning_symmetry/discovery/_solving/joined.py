"""Diagonal groups on adjoining pieces of the same axes are one group.

What concatenates tensors cuts every axis behind it into pieces. Factors and signs, one a unit, do not care.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..leg import Leg
from ..symmetry import Symmetry

DIAGONAL = ("positive_scaling", "scaling", "sign")


def joined(symmetries: Iterable[Symmetry]) -> list[Symmetry]:
    """Join what adjoins, in the order in which it was found."""
    result: list[Symmetry] = []
    latest: dict[object, int] = {}
    for symmetry in symmetries:
        kind = (symmetry.group, symmetry.copies, symmetry.holds, tuple(map(_elsewhere, symmetry.legs)))
        place = latest.get(kind)
        if place is not None and _adjoin(result[place], symmetry):
            result[place] = _join(result[place], symmetry)
            continue
        if symmetry.group in DIAGONAL and all(len(leg.acts) == 1 for leg in symmetry.legs):
            latest[kind] = len(result)
        result.append(symmetry)
    return result


def _axis(leg: Leg) -> tuple[int, int, int]:
    return leg.atoms[leg.acts[0]]


def _elsewhere(leg: Leg) -> object:
    """All that two pieces share if they lie in the same tensor, one after the other along an axis."""
    if len(leg.acts) != 1:
        return leg
    axis, step, _ = _axis(leg)
    offset = tuple(start if i != axis else start % max(step, 1) for i, start in enumerate(leg.offset))
    return replace(leg, offset=offset, atoms=_resized(leg, 0))


def _resized(leg: Leg, size: int) -> tuple[tuple[int, int, int], ...]:
    axis, step, _ = _axis(leg)
    return (*leg.atoms[: leg.acts[0]], (axis, step, size), *leg.atoms[leg.acts[0] + 1 :])


def _adjoin(one: Symmetry, other: Symmetry) -> bool:
    for a, b in zip(one.legs, other.legs, strict=True):
        axis, step, size = _axis(a)
        if axis < 0 or b.offset[axis] != a.offset[axis] + step * size:
            return False
    return True


def _join(one: Symmetry, other: Symmetry) -> Symmetry:
    size = one.size + other.size
    legs = tuple(replace(leg, atoms=_resized(leg, size)) for leg in one.legs)
    return replace(one, size=size, legs=legs, shape=(size,))
