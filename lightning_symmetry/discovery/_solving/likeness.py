"""Steps that do the same to other blocks."""

from __future__ import annotations

from .._steps.lower import Key, Slot, Step


def same_axes(one: Step, other: Step) -> bool:
    """Whether two steps join the axes of their blocks in the same way."""
    if len(one.slots) != len(other.slots):
        return False
    names: dict[Key, Key] = {}
    joined = all(_joined(a, b, names) for a, b in zip(one.slots, other.slots, strict=True))
    return joined and len(set(names.values())) == len(names)


def _joined(one: Slot, other: Slot, names: dict[Key, Key]) -> bool:
    at = {position: key for key, position in other.keys.items()}
    if one.block.sizes != other.block.sizes or at.keys() != set(one.keys.values()):
        return False
    return all(names.setdefault(key, at[position]) == at[position] for key, position in one.keys.items())
