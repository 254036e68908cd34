"""Permutations of interchangeable units."""

from __future__ import annotations

import torch
from torch import Tensor

from ._group import Group


class Permutation(Group):
    """The symmetric group S(n): units trade places. An element is a table of indices, ``(copies, size)``.

    Example:
        >>> import torch
        >>> swap, block = torch.tensor([[1, 0]]), torch.tensor([[[1.0], [2.0]]])
        >>> Permutation().act(swap, block, 1).flatten().tolist()
        [2.0, 1.0]
    """

    name = "permutation"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return 0

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element; the identity only where there is no other."""
        return torch.stack([_moving(torch.randperm(size, generator=generator)) for _ in range(copies)])

    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``."""
        return torch.take_along_dim(block, element.to(block.device).unsqueeze(-1), dim=1)

    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""
        return element.argsort(dim=1)

    def project(self, block: Tensor) -> Tensor:
        """Return the nearest point that the whole group fixes."""
        return block.mean(dim=1, keepdim=True).expand_as(block)


def _moving(places: Tensor) -> Tensor:
    """The same permutation, or a cyclic one if it moves nothing."""
    return places.roll(1) if torch.equal(places, torch.arange(len(places))) else places
