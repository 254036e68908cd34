"""Rotations and reflections of a space that linear operations and lengths touch."""

from __future__ import annotations

import torch
from torch import Tensor

from ._group import Group


class Orthogonal(Group):
    """O(n): writers and readers move alike. An element has shape ``(copies, size, size)``.

    Example:
        >>> import torch
        >>> swap, block = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]]), torch.tensor([[[1.0], [3.0]]])
        >>> Orthogonal().act(swap, block, -1).flatten().tolist()
        [3.0, 1.0]
    """

    name = "orthogonal"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return size * (size - 1) // 2

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element, a reflection as often as a rotation."""
        q, r = torch.linalg.qr(torch.randn(copies, size, size, generator=generator, dtype=dtype))
        # with the signs of R's diagonal, Q is distributed by the Haar measure
        element: Tensor = q * r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
        return element

    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``."""
        moved: Tensor = element.to(block) @ block
        return moved

    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""
        return element.mT

    def project(self, block: Tensor) -> Tensor:
        """Return the nearest point that the whole group fixes."""
        return torch.zeros_like(block)

    def exponential(self, coordinates: Tensor, size: int) -> Tensor:
        """Return the element with the given Lie-algebra coordinates, those above the diagonal."""
        row, column = torch.triu_indices(size, size, offset=1, device=coordinates.device)
        copy = torch.arange(len(coordinates), device=coordinates.device).unsqueeze(-1)
        upper = coordinates.new_zeros(len(coordinates), size, size)
        upper = upper.index_put((copy, row, column), coordinates)
        return torch.matrix_exp(upper - upper.mT)
