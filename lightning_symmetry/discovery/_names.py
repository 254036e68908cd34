"""Names that a person recognises: where a space is first written, then the group."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from .symmetry import Symmetry


def named(symmetries: Iterable[Symmetry]) -> tuple[Symmetry, ...]:
    """Give every symmetry a unique dotted name, and the group at its end."""
    drafts = [(_space(symmetry), symmetry) for symmetry in symmetries]
    total = Counter((space, symmetry.group) for space, symmetry in drafts)
    seen: Counter[tuple[str, str]] = Counter()
    result = []
    for space, symmetry in drafts:
        key = (space, symmetry.group)
        seen[key] += 1
        number = f".{seen[key]}" if total[key] > 1 else ""
        result.append(replace(symmetry, name=f"{space}{number}.{symmetry.group}"))
    return tuple(result)


def _space(symmetry: Symmetry) -> str:
    trained = [leg for leg in symmetry.legs if leg.kind == "parameter"]
    writers = [leg for leg in trained if leg.roles[0] == "writes"] or trained
    first = writers[0].parameter
    if symmetry.group == "translation":
        return first
    module, _, own = first.rpartition(".")
    return module or own
