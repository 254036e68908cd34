"""Sums over pieces of parameters, of which each parameter is read once for all of them.

Lengths, slopes, projections and Gram matrices of large weights are such sums. Who needs some yields them, and
goes on when they are there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import torch
from torch import Tensor

from .measured import results

T = TypeVar("T")


class Term(NamedTuple):
    """What a piece of a parameter adds to a sum.

    Attributes:
        parameter: The one that is read.
        read: Gives tensors.
        function: Takes these with one more dimension in front, which its result keeps.
        factor: Multiplies the result.
    """

    parameter: str
    read: Callable[[], Sequence[Tensor]]
    function: Callable[..., Tensor]
    factor: float = 1.0


class Sum(NamedTuple):
    """Terms that are added up.

    Attributes:
        terms: At least one.
        add: Joins two of them: :func:`torch.hypot` for lengths.
    """

    terms: Sequence[Term]
    add: Callable[[Tensor, Tensor], Tensor] = torch.add


class Reads(Protocol):
    """Who reads parameters."""

    @property
    def is_sharded(self) -> bool:
        """Whether no more than one parameter should be whole at a time."""
        ...

    def let_go(self) -> None:
        """Keep no parameter whole."""


Asking = Generator[Mapping[Any, Sum], dict[Any, Tensor], T]
"""Yields sums once, by any name, is sent their values and returns what follows."""


def together(askings: Sequence[Asking[Any]]) -> Asking[list[Any]]:
    """Ask for the sums of all at once.

    Args:
        askings: Any.

    Yields:
        Their sums.

    Returns:
        What each of them returns.
    """
    asked = [next(asking) for asking in askings]
    found = yield {(place, name): each for place, some in enumerate(asked) for name, each in some.items()}
    # whoever has summed up large values should be the last to hold them
    return [
        _returned(asking, {name: found.pop((place, name)) for name in some})
        for place, (asking, some) in enumerate(zip(askings, asked, strict=True))
    ]


@torch.no_grad()
def answered(asking: Asking[T], read: Reads) -> T:
    """Compute what is asked for.

    Args:
        asking: Any.
        read: Who reads the parameters: one after the other, each once, if they are sharded; otherwise pieces
            of one shape are put together.

    Returns:
        What it returns.
    """
    asked, found = next(asking), dict[Any, Tensor]()
    for name, part in _each(asked) if read.is_sharded else _alike(asked):
        found[name] = asked[name].add(found[name], part) if name in found else part
        del part  # the next one need not fit beside it
    read.let_go()
    return _returned(asking, found)


def _returned(asking: Asking[T], found: dict[Any, Tensor]) -> T:
    try:
        asking.send(found)
    except StopIteration as end:
        value: T = end.value
        return value
    raise RuntimeError("sums can be asked for once")


def _each(asked: Mapping[Any, Sum]) -> Iterator[tuple[Any, Tensor]]:
    of: dict[str, list[tuple[Any, Term]]] = defaultdict(list)
    for name, each in asked.items():
        for term in each.terms:
            of[term.parameter].append((name, term))
    for some in of.values():
        for name, term in some:
            yield (
                name,
                term.function(*(tensor.unsqueeze(0) for tensor in term.read())).squeeze(0).mul(term.factor),
            )


def _alike(asked: Mapping[Any, Sum]) -> Iterator[tuple[Any, Tensor]]:
    by: dict[Callable[..., Tensor], list[tuple[Any, Term]]] = defaultdict(list)
    for name, each in asked.items():
        for term in each.terms:
            by[term.function].append((name, term))
    for function, some in by.items():
        for (name, term), part in results(function, ((each, each[1].read()) for each in some)):
            yield name, part if term.factor == 1 else part * term.factor
