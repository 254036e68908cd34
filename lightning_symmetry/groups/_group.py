"""What every group can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor


class Group(ABC):
    """A group acting on blocks of shape ``(copies, size, rest)`` along their middle dimension.

    An *element* is a tensor whose first dimension runs over the copies. *Coordinates* are those of the Lie
    algebra, of shape ``(copies, dimension(size))``; zero is the identity.
    """

    name: ClassVar[str]

    @abstractmethod
    def dimension(self, size: int) -> int:
        """Return the number of continuous parameters of one copy on ``size`` units; 0 when discrete."""

    @abstractmethod
    def sample(
        self, copies: int, size: int, *, generator: torch.Generator | None, dtype: torch.dtype
    ) -> Tensor:
        """Draw one random element, well away from the identity and well conditioned, on the CPU."""

    @abstractmethod
    def act(self, element: Tensor, block: Tensor, power: float) -> Tensor:
        """Return ``block`` moved by ``element``; ``power`` is the block's exponent."""

    @abstractmethod
    def inverse(self, element: Tensor) -> Tensor:
        """Return the element that undoes ``element``."""

    @abstractmethod
    def project(self, block: Tensor) -> Tensor:
        """Return the point of the fixed subspace nearest to ``block`` (``P_G`` of arXiv 2502.05300, Sec. 2).

        Raises:
            ValueError: If no point is fixed by the whole group.
        """

    def exponential(self, coordinates: Tensor, size: int) -> Tensor:
        """Return the element with the given Lie-algebra coordinates, differentiable at zero.

        Raises:
            ValueError: If the group is discrete.
        """
        raise ValueError(f"group {self.name!r} is discrete: it has no Lie algebra")
