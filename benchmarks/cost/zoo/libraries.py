"""The libraries that are installed, imported when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from benchmarks.cost.zoo.isolation import isolated
from benchmarks.cost.zoo.specimen import Library

MODULES = {
    name: f"benchmarks.cost.zoo.{name}_{rest}"
    for name, rest in {"timm": "families", "torchvision": "models", "transformers": "types"}.items()
}
"""The module that knows each library; importing it imports the library."""


def library(name: str) -> Library:
    """Import what is known of a library.

    Args:
        name: Its name.

    Returns:
        Its models.

    Raises:
        ImportError: If it is not installed.
    """
    found: Library = import_module(MODULES[name]).LIBRARY
    return found


def listing(name: str) -> dict[str, tuple[str, ...]]:
    """Return the names of a library's models by their kinds; none, after a line that says so, without it.

    Asked of another process: what has been imported here could not be forked safely.
    """
    (answer,) = isolated(_kinds, name, seconds=300, memory=2**34)
    if isinstance(answer, str):
        print(f"{name}: skipped, as it cannot be imported ({answer})")
        return {}
    return answer


def _kinds(name: str) -> Iterator[dict[str, tuple[str, ...]]]:
    yield library(name).kinds
