"""Positive rescaling of homogeneous units."""

from __future__ import annotations

import torch
from torch import Tensor

from ._diagonal import Diagonal


class PositiveScaling(Diagonal):
    """Positive factors, one a unit: what goes in is multiplied by λ > 0, what comes out divided.

    Example:
        >>> import torch
        >>> PositiveScaling().act(torch.tensor([[4.0]]), torch.tensor([[[1.0]]]), -1).item()
        0.25
    """

    name = "positive_scaling"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return size

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element."""
        return torch.rand(copies, size, generator=generator, dtype=dtype).mul(2).sub(1).exp()

    def exponential(self, coordinates: Tensor, size: int) -> Tensor:
        """Return the element with the given Lie-algebra coordinates."""
        return coordinates.exp()
