"""Sign flips of odd units."""

from __future__ import annotations

import torch
from torch import Tensor

from ._diagonal import Diagonal


class Sign(Diagonal):
    """The group of sign flips, {−1, 1}ⁿ: what flips a unit's input and output together.

    Example:
        >>> import torch
        >>> Sign().act(torch.tensor([[-1.0]]), torch.tensor([[[3.0]]]), 1).item()
        -3.0
    """

    name = "sign"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return 0

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element, never the identity."""
        signs = torch.randint(0, 2, (copies, size), generator=generator).to(dtype) * 2 - 1
        signs[:, 0] = torch.where((signs == 1).all(1), -1, signs[:, 0])
        return signs
