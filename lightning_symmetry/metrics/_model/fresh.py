"""Tensors that are too large to be held together, made anew whenever one is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from torch import Tensor


class Fresh(Sequence[Tensor]):
    """A sequence of tensors of which none is kept.

    Args:
        make: What makes each of them.
    """

    def __init__(self, make: Sequence[Callable[[], Tensor]]) -> None:
        self._make = make

    def __getitem__(self, place: Any) -> Any:
        """Make one."""
        return self._make[place]()

    def __len__(self) -> int:
        """How many there are."""
        return len(self._make)

    def some(self, places: Sequence[int]) -> Fresh:
        """Choose some, without making them."""
        return Fresh([self._make[place] for place in places])


def mapped(
    function: Callable[[Tensor, Tensor], Tensor], tensors: Sequence[Tensor], others: Sequence[Tensor]
) -> Sequence[Tensor]:
    """Call a function with each of some tensors and its partner.

    Args:
        function: Takes two tensors.
        tensors: Any.
        others: As many.

    Returns:
        The results, made anew whenever one is read if the tensors are.
    """
    if not isinstance(tensors, Fresh):
        return list(map(function, tensors, others))
    return Fresh([partial(_at, function, tensors, others, place) for place in range(len(tensors))])


def _at(
    function: Callable[[Tensor, Tensor], Tensor],
    tensors: Sequence[Tensor],
    others: Sequence[Tensor],
    place: int,
) -> Tensor:
    return function(tensors[place], others[place])
