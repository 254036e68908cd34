"""The weights of some kin at one look, with all that several quantities need."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat

import torch
from torch import Tensor

from ...functional._lower_products import lower_gram
from .fresh import Fresh
from .gauge import sizes
from .kin import Kin
from .reader import Reader
from .rows import row_norms


class Weights:
    """Weights of spaces of one make.

    Args:
        kin: The spaces.
        read: Gives the weights.
    """

    def __init__(self, kin: Kin, read: Reader) -> None:
        self.make = kin.make
        self.legs = read.legs(kin.legs, kin.make.numbers * len(kin.names))
        self._kin, self._read = kin, read

    @cached_property
    def norms(self) -> list[Tensor]:
        """The length of every unit in each leg, ``(spaces, copies, n)``."""
        found = list(map(row_norms, self.legs))
        for pieces, norms in zip(self._kin.legs, found, strict=True):
            self._read.keep_norms(pieces, norms)
        return found

    @cached_property
    def sizes(self) -> Tensor:
        """The size of every unit, blind to the scalings of the space, ``(spaces, copies, n)``."""
        return sizes(self.norms, self.make.powers)

    @cached_property
    def written(self) -> Tensor | None:
        """The inner products of what writes each unit, in float64; the lower half of ``(…, n, n)``.

        Only where they serve both the comparison of units and the ranks, which come from a smaller matrix if
        what writes a unit is narrower than there are units.
        """
        make = self.make
        together = set(make.writers) <= set(make.compared) and not make.by_directions
        if not together or make.width(make.writers) < make.size or not make.writers:
            return None
        return lower_gram(zip(self.of(make.writers), repeat(None)))

    def of(self, legs: Iterable[int]) -> Sequence[Tensor]:
        """Some of the legs, ``(spaces, copies, n, k)`` each."""
        if isinstance(self.legs, Fresh):
            return self.legs.some(list(legs))
        return [self.legs[leg] for leg in legs]

    def joint_norms(self, legs: Iterable[int]) -> Tensor:
        """The length of every unit in some of its legs, ``(spaces, copies, n)``."""
        joint: Tensor = torch.linalg.vector_norm(torch.stack([self.norms[leg] for leg in legs]), dim=0)
        return joint
