"""Running a model without a trace: what it keeps between calls, and all random generators, are put back."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from torch import Tensor, nn

from .chance import global_generators, is_generator
from .contents import attributes, items, reachable
from .restoring import restorers

# says on the error stream, with a traceback, what is raised as well
_COMPLAINTS = logging.getLogger("torch._subclasses.fake_tensor")

_FOREIGN = sys.stdlib_module_names - {"collections", "types"} | {
    "torch",
    "numpy",
    "lightning",
    "pytorch_lightning",
}
"""Libraries whose objects (threads, files, loaders, a Trainer) are no memory of a model."""

_LONG = 10_000
"""Containers with more items hold data: they are put back, but nothing inside their items is."""


@contextmanager
def unchanged(model: nn.Module) -> Iterator[list[Any]]:
    """Put back what running a model changes in Python, and every random generator that it draws from.

    That is everything its modules lead to: attributes and containers, also those of objects and hooks and
    those that code names. Tensors are not copied: nothing may write to them.

    Yields:
        The random generators.
    """
    kept = list(reachable([model, *global_generators()], _inside))
    undo = [restore for value in kept for restore in restorers(value)]
    complaints = _COMPLAINTS.disabled
    _COMPLAINTS.disabled = True
    try:
        yield [value for value in kept if is_generator(value)]
    finally:
        _COMPLAINTS.disabled = complaints
        for restore in undo:
            restore()


def _inside(value: Any) -> list[Any]:
    """Where things may be kept that are found from here."""
    if isinstance(value, FunctionType):
        return [] if _foreign(value) else [*_named(value, value.__code__), *(value.__closure__ or ())]
    if isinstance(value, CellType):
        return [value.cell_contents] if value != CellType() else []
    if isinstance(value, MethodType):
        return [value.__self__, value.__func__]
    if isinstance(value, (classmethod, staticmethod)):
        return [value.__func__]
    if isinstance(value, partial):
        return [value.func, *value.args, *value.keywords.values()]
    if isinstance(value, type):
        return [] if _foreign(value) else list(vars(value).values())
    found = items(value)
    if len(found) > _LONG:
        return []
    if isinstance(value, nn.Module) or not (isinstance(value, Tensor) or _foreign(type(value))):
        found += [*attributes(value).values(), *type(value).__mro__]
    return found


def _foreign(named: Any) -> bool:
    """Whether a class or a function belongs to a library whose objects are left alone."""
    return _is_foreign(str(named.__module__))


@lru_cache
def _is_foreign(module: str) -> bool:
    return module.partition(".")[0] in _FOREIGN


def _named(function: FunctionType, code: CodeType) -> list[Any]:
    """The global variables that code names, also that of functions inside it."""
    found = [function.__globals__[name] for name in code.co_names if name in function.__globals__]
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _named(function, constant)
    return found
