"""A table of symmetries in which the repeated blocks of a model share a row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import prod

from .symmetry import Symmetry

COLUMNS = ("name", "group", "size", "copies", "dimension", "holds", "legs")

MOST = 4
"""How many legs a row names; the others are counted."""

Part = str | tuple[int, ...]
"""A part of a dotted name: a word, or the indices of all that is folded together."""

Name = tuple[Part, ...]


@dataclass(frozen=True)
class Row:
    """A dotted name with what is said about it, and the dotted names that belong to it."""

    name: Name
    cells: tuple[str, ...] = ()
    legs: tuple[Name, ...] = ()

    @property
    def count(self) -> int:
        """How many names are folded into this one."""
        return prod(len(part) for part in self.name if isinstance(part, tuple))

    def __str__(self) -> str:
        return ".".join(part if isinstance(part, str) else _ranges(part) for part in self.name)


def table(symmetries: Iterable[Symmetry]) -> str:
    """Return a plain table; symmetries that differ only in the index of a block share a row."""
    rows = folded(_row(symmetry) for symmetry in symmetries)
    lines = [COLUMNS, *(_line(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def folded(rows: Iterable[Row]) -> list[Row]:
    """Join rows whose names differ in one index, if they say the same about legs with the same index."""
    rows = list(rows)
    for position in reversed(range(max((len(row.name) for row in rows), default=0))):
        alike: dict[object, list[Row]] = {}
        for row in rows:
            alike.setdefault(_without_index(row, position), []).append(row)
        rows = [_joined(group, position) for group in alike.values()]
    return rows


def _row(symmetry: Symmetry) -> Row:
    numbers = (symmetry.size, symmetry.copies, symmetry.dimension)
    legs = dict.fromkeys(leg.parameter for leg in symmetry.legs if leg.kind == "parameter")
    cells = (symmetry.group, *map(str, numbers), symmetry.holds)
    return Row(_parts(symmetry.name), cells, tuple(map(_parts, legs)))


def _parts(name: str) -> Name:
    return tuple((int(part),) if _is_index(part) else part for part in name.split("."))


def _is_index(part: str) -> bool:
    return part.isdecimal() and str(int(part)) == part


def _without_index(row: Row, position: int) -> object:
    """What rows must share to become one."""
    if position >= len(row.name) or isinstance(row.name[position], str):
        return row
    return _at(row.name, row, position, ()), row.cells, tuple(_at(leg, row, position, ()) for leg in row.legs)


def _joined(rows: Sequence[Row], position: int) -> Row:
    first = rows[0]
    if len(rows) == 1:
        return first
    indices = tuple(sorted(i for row in rows for i in row.name[position] if isinstance(i, int)))
    legs = tuple(_at(leg, first, position, indices) for leg in first.legs)
    return Row(_at(first.name, first, position, indices), first.cells, legs)


def _at(name: Name, row: Row, position: int, indices: tuple[int, ...]) -> Name:
    """Put other indices into a name that lies in the same block as the row's."""
    same = name[: position + 1] == row.name[: position + 1]
    return (*name[:position], indices, *name[position + 1 :]) if same else name


def _line(row: Row) -> tuple[str, ...]:
    legs = [Row(leg) for leg in row.legs]
    if len(legs) > MOST:
        legs = folded(legs)
    shown = legs if len(legs) <= MOST else legs[: MOST - 1]
    hidden = sum(leg.count for leg in legs[len(shown) :])
    more = [f"+ {hidden} more"] if hidden else []
    times = f" × {row.count}" if row.count > 1 else ""
    return f"{row}{times}", *row.cells, " ".join([*map(str, shown), *more])


def _ranges(indices: tuple[int, ...]) -> str:
    """Write one index as it is, several in braces, consecutive ones as a range."""
    runs = [[i for _, i in run] for _, run in groupby(enumerate(indices), lambda pair: pair[1] - pair[0])]
    text = ",".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)
    return text if len(indices) == 1 else f"{{{text}}}"
