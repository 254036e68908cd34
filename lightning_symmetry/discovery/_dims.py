"""The algebra of axes: every axis is a tree of products (``view``) and sums (``cat``) of smaller ones.

Two axes that some operation aligns are unified, which refines both to their common structure. The leaves that
remain are the *atoms*; :func:`blocks` lists the pieces into which the sums cut an axis, each piece a product
of atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product as cartesian
from math import prod
from typing import Literal


class StructureConflict(Exception):
    """Two axes of equal length whose products or sums have no common refinement."""


class Dim:
    """One axis, or a part of one: a leaf, a product or a sum of other parts."""

    __slots__ = ("kind", "link", "parts", "size")

    def __init__(
        self, size: int, kind: Literal["leaf", "product", "sum"] = "leaf", parts: Sequence[Dim] = ()
    ) -> None:
        self.size = size
        self.kind = kind
        self.parts = tuple(parts)
        self.link: Dim | None = None


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
    if one.kind == "leaf":
        one.link = other
    elif other.kind == "leaf":
        other.link = one
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
            raise StructureConflict(f"an axis of {long.size} is no multiple of {short.size}")
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
    """Cut the leading factor of a product where a sum is cut: (a + b)·c is a·c + b·c."""
    lead, *inner = factors(whole)
    width = prod(f.size for f in inner)
    pieces = terms(parts)
    if any(piece.size % width for piece in pieces):
        raise StructureConflict(f"a sum is cut inside the inner factor of {width}")
    cuts = [Dim(piece.size // width) for piece in pieces]
    unify(lead, total(cuts))
    for piece, cut in zip(pieces, cuts, strict=True):
        unify(piece, product([cut, *inner]))


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
