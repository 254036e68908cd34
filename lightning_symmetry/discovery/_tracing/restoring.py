"""Putting one object back into the state it is in: a container, an instance, a closure, a generator."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from operator import is_
from types import CellType
from typing import Any

from .chance import is_generator, restore, state
from .contents import slots

Restorer = Callable[[], None]

_CONTAINERS: tuple[type, ...] = (OrderedDict, dict, list, set, deque)


def restorers(value: Any) -> Iterator[Restorer]:
    """Functions that put an object back into its present state, none for what has no state to speak of."""
    if is_generator(value):
        yield partial(restore, value, state(value))
        return
    kind = _container_kind(type(value))  # type: ignore[arg-type]
    if kind is not None:
        yield _container(kind, value)
    if isinstance(value, CellType):
        yield from _cell(value)
    elif type(value) is not kind and not isinstance(value, type):
        yield from _instance(value)


@lru_cache
def _container_kind(kind: type) -> type | None:
    """The built-in container that a class derives from."""
    return next((container for container in _CONTAINERS if issubclass(kind, container)), None)


def _instance(value: Any) -> Iterator[Restorer]:
    for slot in slots(type(value)):  # type: ignore[arg-type]
        try:
            yield partial(slot.__set__, value, slot.__get__(value))
        except AttributeError:  # not set
            continue
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:  # it has slots alone
        return
    yield _container(dict, attributes)


def _container(kind: Any, value: Any) -> Restorer:
    before = _content(kind, value)

    def restore() -> None:
        after = _content(kind, value)
        # what did not change is not touched: others may be using it
        if len(before) != len(after) or not all(map(is_, before, after)):
            kind.clear(value)
            _fill(kind, value, before)

    return restore


def _content(kind: Any, value: Any) -> list[Any]:
    """Everything in a container, by the rules of the built-in type that it derives from."""
    if not kind.__len__(value):
        return []
    if issubclass(kind, dict):
        return [*kind.keys(value), *kind.values(value)]
    return list(kind.__iter__(value))


def _fill(kind: Any, value: Any, content: list[Any]) -> None:
    if issubclass(kind, dict):
        half = len(content) // 2
        for key, item in zip(content[:half], content[half:], strict=True):
            kind.__setitem__(value, key, item)
    elif kind is set:
        set.update(value, content)
    else:
        kind.extend(value, content)


def _cell(cell: CellType) -> Iterator[Restorer]:
    try:
        content = cell.cell_contents
    except ValueError:  # a name that is not bound yet
        return
    yield lambda: setattr(cell, "cell_contents", content)
