"""All reproductions by name: a module that holds a ``REPRODUCTION``, in the folder of its theme."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from benchmarks.reproductions.reproduction import Reproduction

THEMES = {
    "dynamics": "Dynamics: symmetry breaking makes learning jump",
    "complexity": "Complexity: symmetry limits the model that is learned",
    "restoration": "What breaks symmetries and what restores them",
    "representation": "Representations",
    "removal": "Removing symmetries",
    "alignment": "Canonical and polynomial alignment",
    "mechanisms": "Mechanisms of feature learning",
    "boltzmann": "Restricted Boltzmann machines",
    "adding": "Adding symmetries",
    "merging": "Merging networks",
}
"""What each folder is about, in the order of the page."""

_HERE = Path(__file__).parent


def themes() -> dict[str, str]:
    """Name the theme of every reproduction, in the order of the page.

    Returns:
        Themes by the names of reproductions.
    """
    return {
        path.stem.replace("_", "-"): theme
        for theme in THEMES
        for path in sorted((_HERE / theme).glob("*.py"))
        if not path.stem.startswith("_")
    }


def load(name: str) -> Reproduction:
    """Import a reproduction.

    Args:
        name: One of :func:`themes`.

    Returns:
        The reproduction.
    """
    module = f"benchmarks.reproductions.{themes()[name]}.{name.replace('-', '_')}"
    reproduction = import_module(module).REPRODUCTION
    assert isinstance(reproduction, Reproduction)
    return reproduction
