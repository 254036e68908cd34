"""Axes that are the same: two that some operation aligns are refined to their common structure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import accumulate, pairwise
from math import prod

from .attempt import note_cut
from .dims import (
    Dim,
    Shattered,
    StructureConflict,
    factors,
    find,
    fix,
    product,
    terms,
    tie,
    total,
)

MOST_ROWS = 8
"""An axis of more rows than this is not taken apart row by row."""


def unify(one: Dim, other: Dim) -> None:
    """Make two axes the same axis.

    Raises:
        StructureConflict: If no common refinement exists.
    """
    one, other = find(one), find(other)
    if one is other or one.size == other.size == 1:
        return
    if one.size != other.size:
        raise StructureConflict(f"axes of length {one.size} and {other.size} were aligned")
    if "leaf" in (one.kind, other.kind):
        leaf, rest = (one, other) if one.kind == "leaf" else (other, one)
        tie(leaf, rest)
        if leaf.fixed:
            fix(rest)
    elif one.kind == other.kind == "product":
        align(factors(one), factors(other))
        tie(other, one)
    elif one.kind == other.kind == "sum":
        _align_terms(terms(one), terms(other))
        tie(other, one)
    else:
        whole, cut = (one, other) if one.kind == "product" else (other, one)
        _distribute(whole, cut)
        tie(whole, cut)


def align(left: list[Dim], right: list[Dim]) -> None:
    """Unify two lists of factors of equal total length, splitting factors where the lists disagree.

    Raises:
        StructureConflict: If a factor would have to be cut where it cannot be.
    """
    left, right = [f for d in left for f in factors(d)][::-1], [f for d in right for f in factors(d)][::-1]
    while left and right:
        a, b = left.pop(), right.pop()
        if a.size == b.size:
            unify(a, b)
            continue
        long, short, rest = (a, b, left) if a.size > b.size else (b, a, right)
        if long.size % short.size:
            _cross([a, *left[::-1]], [b, *right[::-1]])
            return
        tail = Dim(long.size // short.size)
        unify(long, Dim(long.size, "product", (short, tail)))
        rest.append(tail)
    if prod(d.size for d in left) != 1 or prod(d.size for d in right) != 1:
        raise StructureConflict("the factors have different total length")


def _align_terms(left: list[Dim], right: list[Dim]) -> None:
    left, right = left[::-1], right[::-1]
    while left and right:
        a, b = left.pop(), right.pop()
        if a.size == b.size:
            unify(a, b)
            continue
        long, short, rest = (a, b, left) if a.size > b.size else (b, a, right)
        if short.size > 1 and find(short) in terms(long):
            raise Shattered("an axis that meets a shifted part of itself")
        tail = Dim(long.size - short.size)
        note_cut(find(long))
        unify(long, Dim(long.size, "sum", (short, tail)))
        rest.extend(reversed(terms(tail)))


def _distribute(whole: Dim, cut: Dim) -> None:
    """Cut a product, seen as rows, where a sum is cut: between rows, and within all rows where one is cut."""
    lead, *rest = factors(whole)
    width, pieces = whole.size // lead.size, terms(cut)
    ends = list(accumulate(piece.size for piece in pieces))
    rows = _cuts(lead, [row for end in ends for row in (end // width, -(-end // width))])
    columns = _cuts(product(rest), [end % width for end in ends])
    for piece, end in zip(pieces, ends, strict=True):
        inside: list[Dim] = []
        for row, first in rows:
            if end - piece.size <= first * width and (first + row.size) * width <= end:
                inside.append(product([row, *rest]))
            elif row.size == 1:
                inside += [c for c, at in columns if end - piece.size <= first * width + at < end]
        unify(piece, total(inside))


def _cuts(dim: Dim, places: Iterable[int]) -> list[tuple[Dim, int]]:
    """Cut an axis at some places and return its parts, each with its start."""
    bounds = sorted({0, dim.size, *places})
    if len(bounds) > 2:
        note_cut(find(dim))
    ranges = [Dim(end - start) for start, end in pairwise(bounds)]
    unify(dim, total(ranges))
    return list(zip(ranges, bounds, strict=False))


def _cross(left: list[Dim], right: list[Dim]) -> None:
    """Unify products whose leading factors share no refinement: one of them is taken apart row by row."""
    (lead, *inner), other = (left, right) if left[0].size < right[0].size else (right, left)
    if lead.size > MOST_ROWS or product([lead, *inner]).size != product(other).size:
        raise StructureConflict(f"an axis of {other[0].size} is no multiple of {lead.size}")
    _cuts(lead, range(lead.size))
    _distribute(product(other), total([product(inner)] * lead.size))
