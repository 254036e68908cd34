"""Einsum equations."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from string import ascii_letters

from ..piece import Link
from .constants import Constant

Indices = Sequence[Hashable]


def link(factors: Iterable[tuple[Constant, int, Indices]], vector: Indices, image: Indices) -> Link:
    """The linear map from a vector to its image.

    Args:
        factors: Constants with the power and the names of the indices of each.
        vector: The names of the vector's indices.
        image: The names of the image's indices; others are summed over.

    Returns:
        A map that reads its factors from the parameters.
    """
    factors = list(factors)
    names = dict.fromkeys([name for _, _, indices in factors for name in indices] + [*vector, *image])
    letter = dict(zip(names, ascii_letters, strict=False))

    def spelt(indices: Indices) -> str:
        return "".join(letter[name] for name in indices)

    operands = ",".join([*(spelt(indices) for _, _, indices in factors), spelt(vector)])
    return Link(
        tuple(constant.factor(power) for constant, power, _ in factors), f"{operands}->{spelt(image)}"
    )
