"""Every public name is fuzzed, a new one too."""

import dataclasses
import importlib
import inspect
import pkgutil

import pytest

import lightning_symmetry

from . import (
    test_callbacks,  # noqa: F401
    test_discovery,  # noqa: F401
    test_functions,  # noqa: F401
    test_inspection,  # noqa: F401
    test_layers,  # noqa: F401
    test_metrics,  # noqa: F401
    test_registry,  # noqa: F401
    test_report,  # noqa: F401
    test_stages,  # noqa: F401
    test_states,  # noqa: F401
    test_surgery,  # noqa: F401
)
from .each import FUZZED, place

MODULES = [
    "lightning_symmetry",
    "lightning_symmetry.discovery.registry",
    *(f"lightning_symmetry.{m.name}" for m in pkgutil.iter_modules(lightning_symmetry.__path__) if m.ispkg),
]
METHODS = ("load_state_dict", "from_dict", "of", "parse")
"""Other ways to make something, or to change all of it."""

LEFT_OUT = {
    "lightning_symmetry.demo.run_demo": "trains for minutes",
    "lightning_symmetry.demo.train.train": "trains for minutes",
    "lightning_symmetry.discovery._program.dims.Dim": "made by rules",
    "lightning_symmetry.discovery._program.values.Value": "made by the tracer",
    "lightning_symmetry.discovery.explain.Explanation": "made by explain",
    "lightning_symmetry.discovery.piece.View.of": "of a leg, which the tracer makes",
    "lightning_symmetry.discovery.symmetry.Symmetry.from_dict": "Symmetries.from_dict checks what it gives",
}


def is_argued(thing) -> bool:
    """Whether it takes arguments and has rules for them: it is no error, no record and nothing abstract."""
    if not inspect.isclass(thing):
        return callable(thing) and bool(inspect.signature(thing).parameters)
    if issubclass(thing, (tuple, BaseException)) or inspect.isabstract(thing):
        return False
    if dataclasses.is_dataclass(thing) and not hasattr(thing, "__post_init__"):
        return False
    return bool(inspect.signature(thing).parameters)


def public(module):
    """What takes arguments in a module, and the methods of its classes that read what others wrote."""
    for name in module.__all__:
        thing = getattr(module, name)
        if is_argued(thing):
            yield place(thing)
        if inspect.isclass(thing) and not issubclass(thing, BaseException):
            found = [getattr(thing, method) for method in METHODS if hasattr(thing, method)]
            yield from (place(method) for method in found if method.__module__.startswith("lightning_symm"))


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_fuzzed(module):
    names = set(public(importlib.import_module(module)))
    assert names - FUZZED - LEFT_OUT.keys() == set()


def test_nothing_is_left_out_that_is_fuzzed():
    assert not FUZZED & LEFT_OUT.keys()
    everything = {name for module in MODULES for name in public(importlib.import_module(module))}
    assert LEFT_OUT.keys() <= everything
