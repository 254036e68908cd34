"""What is found of the symmetries of known architectures: one row an architecture, all in float64."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lightning_symmetry import find_symmetries
from tests.discovery.architectures import ARCHITECTURES, Architecture


@dataclass(frozen=True)
class Row:
    """One architecture: the null space of its Jacobian, and how much of it is spanned."""

    name: str
    parameters: int
    nullity: int
    rank: int
    gap: float
    leak: float
    error: float
    groups: str


def run() -> list[Row]:
    """Find the symmetries of every architecture, and compare their tangents with the null space."""
    return [_row(name, architecture) for name, architecture in ARCHITECTURES.items()]


def table(rows: list[Row]) -> str:
    """Write the rows as a Markdown table; below it their sum, and what is missing one by one."""
    head = (
        "| architecture | parameters | nullity | rank | gap | leak | largest error | groups (directions) |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    lines = [
        f"| {r.name} | {r.parameters} | {r.nullity} | {r.rank} | {r.gap:.0e} | {r.leak:.0e} | {r.error:.0e} "
        f"| {r.groups} |"
        for r in rows
    ]
    rank, nullity = sum(r.rank for r in rows), sum(r.nullity for r in rows)
    total = f"{len(rows)} architectures: {rank} of {nullity} directions found."
    missing = [
        f"- {r.name}: {count}, {why}" for r in rows for why, count in ARCHITECTURES[r.name].missing.items()
    ]
    return "\n".join([head, *lines, "", total, "Missing:" if missing else "", *missing])


def _row(name: str, architecture: Architecture) -> Row:
    model = architecture.model()
    symmetries = find_symmetries(model, *architecture.data(4))
    result = symmetries.completeness(model, architecture.enough(model))
    counts = Counter(s.group for s in symmetries)
    sizes = {group: sum(s.dimension for s in symmetries if s.group == group) for group in counts}
    return Row(
        name,
        result.parameters,
        result.nullity,
        result.rank,
        result.gap,
        result.leak,
        max(symmetries.errors(model, *architecture.data(4)).values()),
        ", ".join(f"{counts[g]} {g}" + f" ({sizes[g]})" * (sizes[g] > 0) for g in counts),
    )
