"""What every family of quantities gives, and how equal shapes are measured in one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

Name = TypeVar("Name", bound=Hashable)
Entry = TypeVar("Entry")


class Measured(NamedTuple):
    """One quantity.

    Attributes:
        each: a scalar by the name of a symmetry.
        total: the scalar of the whole model, None if no symmetry has the quantity.
    """

    each: dict[str, Tensor]
    total: Tensor | None


def total(each: Mapping[str, Tensor], function: Callable[[Tensor], Tensor]) -> Measured:
    """Let a function of all values be that of the model."""
    return Measured(dict(each), function(torch.stack(list(each.values()))) if each else None)


AT_ONCE = {"cpu": 2**19}
"""Numbers that are put side by side, by the type of the device; what is larger is not copied. A CPU finds 2
MB of float32 again in its caches."""

ELSEWHERE = 2**25
"""On accelerators, where few large operations are faster than many small ones: 128 MB of float32."""


def most_at_once(device: torch.device) -> int:
    """How many numbers are put side by side on a device."""
    return AT_ONCE.get(device.type, ELSEWHERE)


def stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Put tensors of one shape side by side, without a copy of a single one, and as they are stored."""
    first = tensors[0]
    if len(tensors) == 1:
        return first.unsqueeze(0)
    if first.ndim >= 2 and first.stride(-1) > first.stride(-2):
        return torch.stack([each.mT for each in tensors]).mT
    return torch.stack(list(tensors))


def batched(
    function: Callable[..., Tensor], inputs: Iterable[tuple[Name, Sequence[Tensor]]]
) -> dict[Name, Tensor]:
    """Call a function once for all entries whose tensors have the same shapes, if they are small.

    Args:
        function: takes tensors with one more dimension in front, which its result keeps.
        inputs: names and tensors.

    Returns:
        Results by name, in the order of the inputs.
    """
    names: dict[Name, None] = {}
    found = dict(results(function, _noted(inputs, names)))
    return {name: found[name] for name in names}


def results(
    function: Callable[..., Tensor], inputs: Iterable[tuple[Entry, Sequence[Tensor]]]
) -> Iterator[tuple[Entry, Tensor]]:
    """Call a function as :func:`batched` does.

    Args:
        function: takes tensors with one more dimension in front, which its result keeps.
        inputs: anything, and tensors, which are let go as soon as they have been put in.

    Yields:
        The same things with results, in any order.
    """
    waiting: dict[object, list[tuple[Entry, Sequence[Tensor]]]] = defaultdict(list)
    for entry, tensors in inputs:
        some = waiting[tuple((t.shape, t.dtype, t.device) for t in tensors)]
        some.append((entry, tensors))
        if len(some) >= most_at_once(tensors[0].device) // max(1, sum(t.numel() for t in tensors)):
            del tensors
            yield from _at_once(function, some)
            some.clear()
    for some in filter(None, waiting.values()):
        yield from _at_once(function, some)


def _noted(
    inputs: Iterable[tuple[Name, Sequence[Tensor]]], names: dict[Name, None]
) -> Iterator[tuple[Name, Sequence[Tensor]]]:
    for name, tensors in inputs:
        names[name] = None
        yield name, tensors
        del tensors


def _at_once(
    function: Callable[..., Tensor], some: Sequence[tuple[Entry, Sequence[Tensor]]]
) -> Iterator[tuple[Entry, Tensor]]:
    entries, inputs = zip(*some, strict=True)
    return zip(entries, function(*map(stacked, zip(*inputs, strict=True))).unbind(0), strict=True)
