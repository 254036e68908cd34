"""The tools that race: each is a function that imports what it needs and returns what is timed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.cost.zoo.specimen import Specimen
from lightning_symmetry.discovery import find_symmetries

OURS = "find_symmetries"


def _ours() -> Callable[[Specimen], Any]:
    return lambda specimen: find_symmetries(specimen.model, *specimen.args, **specimen.kwargs)


def _torch_pruning() -> Callable[[Specimen], Any]:
    from torch_pruning import DependencyGraph

    def graph(specimen: Specimen) -> Any:
        return DependencyGraph().build_dependency(specimen.model, _inputs(specimen), verbose=False)

    return graph


def _rebasin() -> Callable[[Specimen], Any]:
    from rebasin.permutation_initializer import PermutationInitializer

    return lambda specimen: PermutationInitializer(specimen.model, specimen.model, _inputs(specimen))


def _inputs(specimen: Specimen) -> Any:
    """What both take: one tensor, several, or keywords."""
    if specimen.kwargs:
        return specimen.kwargs
    return specimen.args[0] if len(specimen.args) == 1 else list(specimen.args)


TOOLS: dict[str, Callable[[], Callable[[Specimen], Any]]] = {
    OURS: _ours,
    "torch-pruning": _torch_pruning,
    "rebasin": _rebasin,
}

RUNS = {"rebasin": 2}
"""How often a tool does its work in one call: rebasin traces both of the models that it aligns."""
