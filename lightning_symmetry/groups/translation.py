"""Shifts that nothing downstream can see."""

from __future__ import annotations

import torch
from torch import Tensor

from ._group import Group


class Translation(Group):
    """R^n acting by addition. An element is a vector, ``(copies, size)``; ``power`` multiplies it.

    Example:
        >>> import torch
        >>> Translation().act(torch.tensor([[1.0]]), torch.tensor([[[2.0, 3.0]]]), -1).tolist()
        [[[1.0, 2.0]]]
    """

    name = "translation"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return size

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element."""
        return torch.randn(copies, size, generator=generator, dtype=dtype)

    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``."""
        return block + power * element.to(block).unsqueeze(-1)

    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""
        return -element

    def project(self, block: Tensor) -> Tensor:
        """Refuse: a translation fixes no point.

        Raises:
            ValueError: Always.
        """
        raise ValueError("group 'translation' moves every point: it has no symmetric state to project onto")

    def exponential(self, coordinates: Tensor, size: int) -> Tensor:
        """Return the element with the given Lie-algebra coordinates."""
        return coordinates
