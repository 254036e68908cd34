"""The tensors inside any object: containers, dataclasses, dictionaries of their own kind, plain objects."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from types import (
    BuiltinFunctionType,
    FunctionType,
    GeneratorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves, tree_map

_CLOSED = (
    str,
    bytes,
    type,
    nn.Module,
    ModuleType,
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    torch.Generator,
)
"""What is no container, whatever it holds: a model that an output mentions is not part of the output."""


_PLAIN = frozenset({str, bytes, int, float, complex, bool, type(None), type(...), torch.dtype, torch.device})
"""What holds nothing, not even an attribute: most of what there is."""


def attributes(value: Any) -> dict[str, Any]:
    """The attributes of an instance, those in slots included, without running its code."""
    found: dict[str, Any] = {}
    for slot in slots(type(value)):  # type: ignore[arg-type]
        try:
            found[slot.__name__] = slot.__get__(value)
        except AttributeError:  # not set
            continue
    try:
        found.update(object.__getattribute__(value, "__dict__"))
    except AttributeError:  # it has slots alone
        return found
    return found


@lru_cache
def slots(kind: type) -> tuple[MemberDescriptorType, ...]:
    """The slots of a class and of those that it derives from."""
    found = (slot for base in kind.__mro__ if "__slots__" in vars(base) for slot in vars(base).values())
    return tuple(slot for slot in found if isinstance(slot, MemberDescriptorType))


def items(value: Any) -> list[Any]:
    """The items of a container, by the rules of the built-in type that it derives from."""
    kind = _iterable(type(value))  # type: ignore[arg-type]
    if kind is dict:
        return [*dict.keys(value), *dict.values(value)]
    return [] if kind is None else list(kind.__iter__(value))


@lru_cache
def _iterable(kind: type) -> Any:
    """The built-in container that a class derives from."""
    containers = (dict, list, tuple, set, frozenset, deque)
    return next((container for container in containers if issubclass(kind, container)), None)


def reachable(roots: Iterable[Any], inside: Callable[[Any], Iterable[Any]]) -> Iterator[Any]:
    """Everything that is found from some objects and may hold something, each once."""
    waiting = [root for root in roots if type(root) not in _PLAIN][::-1]
    seen: dict[int, Any] = {}
    while waiting:
        value = waiting.pop()
        if id(value) not in seen:
            seen[id(value)] = value
            yield value
            waiting += [part for part in inside(value) if type(part) not in _PLAIN][::-1]


def tensors(tree: Any) -> list[Tensor]:
    """All tensors inside an object, each once."""
    return [value for value in reachable([tree], _inside) if isinstance(value, Tensor)]


def outputs(tree: Any) -> list[Tensor]:
    """The same, where generators are run to their end to see what they give."""

    def inside(value: Any) -> Iterable[Any]:
        return value if isinstance(value, (GeneratorType, map, filter, zip)) else _inside(value)

    return [value for value in reachable([tree], inside) if isinstance(value, Tensor)]


def mapped(function: Callable[[Tensor], Tensor], tree: Any) -> Any:
    """Copy an object with every tensor replaced, the same one everywhere by the same.

    Args:
        function: Gives what a tensor is replaced by.
        tree: Any object.

    Returns:
        The copy. What holds no tensor is not copied, and neither is what refuses to be.
    """
    replaced: dict[int, Any] = {}
    kept: list[Any] = []

    def leaf(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return copied(value)
        if id(value) not in replaced:
            kept.append(value)
            replaced[id(value)] = function(value)
        return replaced[id(value)]

    def copied(value: Any) -> Any:
        inner = list(reachable([value], _inside))
        if not any(isinstance(part, Tensor) for part in inner):
            return value
        kept.extend(inner)
        for part in inner:
            if isinstance(part, Tensor):
                leaf(part)
            elif isinstance(part, _CLOSED):
                replaced[id(part)] = part
        try:
            return copy.deepcopy(value, replaced)
        except Exception:
            return value

    return tree_map(leaf, tree)


def _inside(value: Any) -> list[Any]:
    """What an output or an input consists of."""
    if isinstance(value, (Tensor, *_CLOSED)):
        return []
    found = [*items(value), *attributes(value).values()]
    # a registered container may keep its parts where no attribute shows them
    return found if type(value) in (dict, list, tuple) else [*found, *tree_leaves(value)]
