"""Names that a person recognises: the module that a space lives in, what the space is there, and the group.

What a space is follows from how parameters write and read it, not from the names of classes. What moves only
a part of a space, or whole tensors, is named by the module that it moves first; a translation by the first
parameter that it shifts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from ._spaces import Path, Space, moves_branches, owner, places, shared, spaces_of, writer
from .symmetry import Symmetry

PLAIN = ("hidden", "rank")
"""Words that do not tell the spaces of one module apart: the module that writes them does."""


def named(symmetries: Iterable[Symmetry]) -> tuple[Symmetry, ...]:
    """Give every symmetry a unique dotted name, and the group at its end."""
    symmetries = tuple(symmetries)
    spaces = spaces_of(symmetries)
    names = _shortest({s: _choices(s.module(spaces), s.word(spaces), s.writer) for s in spaces})
    of_places = {there: name for space, name in names.items() for there in space.movers}
    drafts = [(of_places.get(places(symmetry)) or _first(symmetry), symmetry) for symmetry in symmetries]
    total = Counter((name, symmetry.group) for name, symmetry in drafts)
    seen: Counter[tuple[str, str]] = Counter()
    result = []
    for name, symmetry in drafts:
        key = (name, symmetry.group)
        seen[key] += 1
        number = f".{seen[key]}" if total[key] > 1 else ""
        result.append(replace(symmetry, name=f"{name}{number}.{symmetry.group}"))
    return tuple(result)


def _first(symmetry: Symmetry) -> str:
    """The name of what does not move a whole space."""
    trained = [leg for leg in symmetry.legs if leg.kind == "parameter"]
    if moves_branches(symmetry):
        parameters = [leg.parameter for leg in trained]
        # a parameter that has a part for each of them chooses among them
        word = "experts" if len(set(parameters)) < len(parameters) else "branches"
        return ".".join([*shared(parameters), word])
    if symmetry.group == "translation":
        return trained[0].parameter
    parameter = writer(symmetry)
    return ".".join(owner(parameter)) or parameter


def _choices(module: Path, word: str, parameter: str) -> list[str]:
    """Names for a space, the shortest first."""
    first = owner(parameter)
    if word in PLAIN:
        paths = [(*module, word)] if module else []
        # what a module writes with parameters of its own is told apart by these
        paths.append(first if len(first) > len(module) else tuple(parameter.split(".")))
    else:
        paths = [(*first[:depth], word) for depth in range(len(module), len(first) + 1)]
    return [".".join(path) for path in paths]


def _shortest(choices: Mapping[Space, Sequence[str]]) -> dict[Space, str]:
    """Choose a name for every space; what would bear the same name moves on to its next choice."""
    chosen = dict.fromkeys(choices, 0)
    ambiguous: set[str] = set()
    while True:
        names = {space: choices[space][chosen[space]] for space in choices}
        ambiguous |= {name for name, count in Counter(names.values()).items() if count > 1}
        moving = [s for s, name in names.items() if name in ambiguous and chosen[s] + 1 < len(choices[s])]
        if not moving:
            return names
        for space in moving:
            chosen[space] += 1
