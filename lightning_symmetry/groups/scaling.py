"""Rescaling of units by any number but zero."""

from __future__ import annotations

import torch
from torch import Tensor

from .positive_scaling import PositiveScaling
from .sign import Sign


class Scaling(PositiveScaling):
    """Nonzero factors of either sign, one a unit: positive scaling and sign flips in one.

    Example:
        >>> import torch
        >>> Scaling().act(torch.tensor([[-4.0]]), torch.tensor([[[1.0]]]), -1).item()
        -0.25
    """

    name = "scaling"

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element."""
        magnitude = super().sample(copies, size, generator=generator, dtype=dtype)
        return magnitude * Sign().sample(copies, size, generator=generator, dtype=dtype)
