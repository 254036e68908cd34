"""Rotations within planes that are rotated anyway."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from ._group import Group


class PlaneRotation(Group):
    """SO(2) in each of ``size / 2`` planes, spanned by units 2j and 2j + 1; ``power`` −1 turns backwards.

    Rotary embeddings rotate the planes of queries and keys by angles that depend on the position; what
    commutes with that is a rotation and a factor for every plane. An element is an angle for each plane,
    ``(copies, size / 2)``.

    Example:
        >>> import torch
        >>> quarter, block = torch.tensor([[torch.pi / 2]]), torch.tensor([[[1.0], [0.0]]])
        >>> PlaneRotation().act(quarter, block, 1).round().abs().flatten().tolist()
        [0.0, 1.0]
    """

    name = "plane_rotation"

    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units."""
        return size // 2

    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element."""
        return torch.rand(copies, size // 2, generator=generator, dtype=dtype).mul(2).sub(1) * pi

    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``."""
        angle = (power * element.to(block)).unsqueeze(-1)
        first, second = block.reshape(len(block), -1, 2, block.shape[-1]).unbind(2)
        turned = (
            angle.cos() * first - angle.sin() * second,
            angle.sin() * first + angle.cos() * second,
        )
        return torch.stack(turned, dim=2).flatten(1, 2)

    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""
        return -element

    def project(self, block: Tensor) -> Tensor:
        """Return the nearest point that the whole group fixes."""
        return torch.zeros_like(block)

    def exponential(self, coordinates: Tensor, size: int) -> Tensor:
        """Return the element with the given Lie-algebra coordinates."""
        return coordinates
