"""The libraries that are installed, imported when they are asked for."""

from __future__ import annotations

from importlib import import_module

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
