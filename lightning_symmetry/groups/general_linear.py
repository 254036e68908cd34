"""Every change of basis of a space that only linear operations touch."""

from __future__ import annotations

import torch
from torch import Tensor

from ._group import Group


class GeneralLinear(Group):
    """GL(n): writers move by ``g``, readers by ``g⁻ᵀ``. An element has shape ``(copies, size, size)``.

    ``power`` is +1 for what transforms like a writer and −1 for what transforms like a reader.

    Example:
        >>> import torch
        >>> g, block = torch.tensor([[[0.0, 2.0], [1.0, 0.0]]]), torch.tensor([[[1.0], [3.0]]])
        >>> GeneralLinear().act(g, block, 1).flatten().tolist()
        [6.0, 1.0]
    """

    name = "general_linear"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return size * size

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element."""
        # rotation · stretch · rotation: any direction, yet a condition number of at most e²
        left, right = (
            torch.linalg.qr(torch.randn(copies, size, size, generator=generator, dtype=dtype)).Q
            for _ in range(2)
        )
        stretch = torch.rand(copies, size, generator=generator, dtype=dtype).mul(2).sub(1).exp()
        element: Tensor = left @ torch.diag_embed(stretch) @ right
        return element

    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``."""
        matrix = element.to(block)
        against: Tensor = matrix if power > 0 else torch.linalg.inv(matrix).mT
        return against @ block

    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""
        undone: Tensor = torch.linalg.inv(element)
        return undone

    def project(self, block: Tensor) -> Tensor:
        """Return the nearest point that the whole group fixes."""
        return torch.zeros_like(block)

    def exponential(self, coordinates: Tensor, size: int) -> Tensor:
        """Return the element with the given Lie-algebra coordinates."""
        return torch.matrix_exp(coordinates.reshape(len(coordinates), size, size))
