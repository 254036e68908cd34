"""The algebra of axes: every axis is a tree of products (``view``) and sums (``cat``) of smaller ones.

The leaves are the *atoms*; :func:`blocks` lists the pieces into which the sums cut an axis, each piece a
product of atoms.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count
from itertools import product as cartesian
from math import prod
from typing import Literal

from .attempt import note

MOST_PARTS = 256
"""What has more parts than this is not followed part by part."""


_ages = count()


class StructureConflict(Exception):
    """Two axes of equal length whose products or sums have no common refinement."""


class Shattered(StructureConflict):
    """The common refinement of some axes has too many parts."""


class Dim:
    """One axis, or a part of one: a leaf, a product or a sum of other parts."""

    __slots__ = ("age", "fixed", "kind", "link", "parts", "size")

    def __init__(
        self, size: int, kind: Literal["leaf", "product", "sum"] = "leaf", parts: Sequence[Dim] = ()
    ) -> None:
        self.size = size
        self.kind = kind
        self.parts = tuple(parts)
        self.link: Dim | None = None
        self.fixed = False
        self.age = next(_ages)


@dataclass(frozen=True)
class Piece:
    """A block of an axis: where it starts, and its atoms with their strides in units of that axis."""

    offset: int
    atoms: tuple[tuple[Dim, int], ...]


def now() -> int:
    """The age of the youngest axis."""
    return next(_ages)


def tie(dim: Dim, same: Dim) -> None:
    """Let an axis be the same as another."""
    note(dim)
    dim.link = same


def find(dim: Dim) -> Dim:
    """Follow the links to the representative."""
    while dim.link is not None:
        if dim.link.link is not None:
            tie(dim, dim.link.link)
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
    note(dim)
    dim.fixed = True
    for part in dim.parts:
        fix(part)


def fixed(dim: Dim) -> bool:
    """Whether data lies along an axis, or along all of its parts."""
    dim = find(dim)
    return dim.fixed or (bool(dim.parts) and all(part.size == 1 or fixed(part) for part in dim.parts))


def parts(dim: Dim) -> int:
    """Count the blocks of an axis."""
    dim = find(dim)
    if not dim.parts or dim.size == 1:
        return 1
    return (sum if dim.kind == "sum" else prod)(map(parts, dim.parts))


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
