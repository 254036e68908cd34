"""What groups of diagonal matrices share: an element is one number a unit."""

from __future__ import annotations

import torch
from torch import Tensor

from ._group import Group


class Diagonal(Group):
    """One factor a unit; an element has shape ``(copies, size)``. Its only symmetric state is zero."""

    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``."""
        return block * _power(element.to(block), power).unsqueeze(-1)

    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""
        return element.reciprocal()

    def project(self, block: Tensor) -> Tensor:
        """Return the nearest point that the whole group fixes."""
        return torch.zeros_like(block)


def _power(factor: Tensor, power: float) -> Tensor:
    # A fractional power is defined for positive factors only; whole powers keep the sign.
    return factor ** int(power) if float(power).is_integer() else factor**power
