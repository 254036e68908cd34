"""How many directions the weights around a space use."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ...functional._finite import rescaled
from ...functional._legs import as_rows
from ...functional._spectral_ranks import entropy_rank, number_above, participation, spectral_share
from ...functional._spectrum import singular_values
from ...functional.rank import product_singular_values
from .gauge import written
from .measured import Measured, batched, total
from .reader import Reader
from .space import Space

TOLERANCE = 0.01
"""Directions with less than this part of the largest singular value do not count towards the numerical rank:
for the product of two factors, what a tenth of the largest is for each of them."""


def ranks(read: Reader, spaces: Iterable[Space]) -> dict[str, Measured]:
    """Measure the ranks of what writes a space, or of the product of readers and writers.

    Args:
        read: gives the weights.
        spaces: all spaces.

    Returns:
        ``effective_rank``, ``participation_ratio``, ``stable_rank`` and ``numerical_rank``, means over the
        copies; the model's are the means over the spaces.
    """
    matrices: dict[str, list[Tensor]] = {}
    products: dict[str, list[Tensor]] = {}
    for space in spaces:
        if space.mover.group == "general_linear":
            # single numbers, such as biases, span no direction, and other groups shift them
            writers, readers = space.writers(), space.readers()
            if writers and readers:
                products[space.mover.name] = [torch.cat(read(writers), -1), torch.cat(read(readers), -1)]
        elif blocks := written(read, space):
            matrices[space.mover.name] = [torch.cat(blocks, -1)]
    found = batched(lambda matrix: _ranks(_spectrum(matrix), matrix), matrices)
    found |= batched(lambda one, other: _ranks(product_singular_values(one, other), one), products)
    names = ("effective_rank", "participation_ratio", "stable_rank", "numerical_rank")
    return {
        name: total({space: values[i] for space, values in found.items()}, torch.mean)
        for i, name in enumerate(names)
    }


def _spectrum(matrix: Tensor) -> Tensor:
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    return singular_values(rows)


def _ranks(sigma: Tensor, like: Tensor) -> Tensor:
    """All ranks, as means over the copies: ``(..., 4)``."""
    every = (entropy_rank(sigma), participation(sigma), spectral_share(sigma), number_above(sigma, TOLERANCE))
    precise = torch.promote_types(like.dtype, torch.float32)
    return torch.stack(every, dim=-1).mean(-2).to(device=like.device, dtype=precise)
