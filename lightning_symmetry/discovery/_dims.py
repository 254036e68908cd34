"""The algebra of axes: every axis is a tree of products (``view``) and sums (``cat``) of smaller ones.

Two axes that some operation aligns are unified, which refines both to their common structure. The leaves that
remain are the *atoms*; :func:`blocks` lists the pieces into which the sums cut an axis, each piece a product
of atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from itertools import product as cartesian
from math import prod
from typing import Literal

MOST_ROWS = 8
"""An axis of more rows than this is not taken apart row by row."""


class StructureConflict(Exception):
    """Two axes of equal length whose products or sums have no common refinement."""


class Dim:
    """One axis, or a part of one: a leaf, a product or a sum of other parts."""

    __slots__ = ("fixed", "kind", "link", "parts", "size")

    def __init__(
        self, size: int, kind: Literal["leaf", "product", "sum"] = "leaf", parts: Sequence[Dim] = ()
    ) -> None:
        self.size = size
        self.kind = kind
        self.parts = tuple(parts)
        self.link: Dim | None = None
        self.fixed = False


@dataclass(frozen=True)
class Piece:
    """A block of an axis: where it starts, and its atoms with their strides in units of that axis."""

    offset: int
    atoms: tuple[tuple[Dim, int], ...]


def find(dim: Dim) -> Dim:
    """Follow the links to the representative."""
    while dim.link is not None:
        if dim.link.link is not None:
            dim.link = dim.link.link
        dim = dim.link
    return dim


def product(parts: Iterable[Dim]) -> Dim:
    """Join parts into one axis, row-major; parts of length one vanish."""
    factors = [part for part in parts if part.size != 1]
    if len(factors) == 1:
        return factors[0]
    return Dim(prod(f.size for f in factors), "product", factors) if factors else Dim(1)


def total(parts: Iterable[Dim]) -> Dim:
    """Concatenate parts into one axis; empty parts vanish."""
    terms = [part for part in parts if part.size]
    return terms[0] if len(terms) == 1 else Dim(sum(t.size for t in terms), "sum", terms)


def factors(dim: Dim) -> list[Dim]:
    """The factors of an axis, products inside products opened."""
    dim = find(dim)
    if dim.kind != "product":
        return [dim] if dim.size != 1 else []
    return [factor for part in dim.parts for factor in factors(part)]


def terms(dim: Dim) -> list[Dim]:
    """The terms of an axis, sums inside sums opened."""
    dim = find(dim)
    return [term for part in dim.parts for term in terms(part)] if dim.kind == "sum" else [dim]


def fix(dim: Dim) -> None:
    """Note that data lies along an axis: no entry will ever leave its place."""
    dim = find(dim)
    dim.fixed = True
    for part in dim.parts:
        fix(part)


def fixed(dim: Dim) -> bool:
    """Whether data lies along an axis, or along all of its parts."""
    dim = find(dim)
    return dim.fixed or (bool(dim.parts) and all(part.size == 1 or fixed(part) for part in dim.parts))


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
        leaf.link = rest
        if leaf.fixed:
            fix(rest)
    elif one.kind == other.kind == "product":
        align(factors(one), factors(other))
        other.link = one
    elif one.kind == other.kind == "sum":
        _align_terms(terms(one), terms(other))
        other.link = one
    else:
        whole, parts = (one, other) if one.kind == "product" else (other, one)
        _distribute(whole, parts)
        whole.link = parts


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
        tail = Dim(long.size - short.size)
        unify(long, Dim(long.size, "sum", (short, tail)))
        rest.extend(reversed(terms(tail)))


def _distribute(whole: Dim, parts: Dim) -> None:
    """Cut a product, seen as rows, where a sum is cut: between rows, and within all rows where one is cut."""
    lead, *rest = factors(whole)
    width, pieces = whole.size // lead.size, terms(parts)
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
    parts = [Dim(end - start) for start, end in pairwise(bounds)]
    unify(dim, total(parts))
    return list(zip(parts, bounds, strict=False))


def _cross(left: list[Dim], right: list[Dim]) -> None:
    """Unify products whose leading factors share no refinement: one of them is taken apart row by row."""
    (lead, *inner), other = (left, right) if left[0].size < right[0].size else (right, left)
    if lead.size > MOST_ROWS or product([lead, *inner]).size != product(other).size:
        raise StructureConflict(f"an axis of {other[0].size} is no multiple of {lead.size}")
    _cuts(lead, range(lead.size))
    _distribute(product(other), total([product(inner)] * lead.size))


def blocks(dim: Dim) -> list[Piece]:
    """List the blocks of an axis in order, each with its offset and the strides of its atoms."""
    dim = find(dim)
    if dim.size == 1:
        return [Piece(0, ())]
    if dim.kind == "leaf":
        return [Piece(0, ((dim, 1),))]
    if dim.kind == "sum":
        pieces, start = [], 0
        for part in dim.parts:
            pieces += [Piece(start + piece.offset, piece.atoms) for piece in blocks(part)]
            start += part.size
        return pieces
    widths = [prod(p.size for p in dim.parts[i + 1 :]) for i in range(len(dim.parts))]
    return [
        Piece(
            sum(piece.offset * width for piece, width in zip(choice, widths, strict=True)),
            tuple(
                (a, s * width) for piece, width in zip(choice, widths, strict=True) for a, s in piece.atoms
            ),
        )
        for choice in cartesian(*(blocks(part) for part in dim.parts))
    ]
