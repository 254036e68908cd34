"""How many directions the weights around a space use."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ...functional._finite import ratio
from ...functional._lower_products import lower_column_gram, lower_gram
from ...functional._spectral_ranks import entropy_rank, number_above, participation, spectral_share
from ...functional._spectrum import roots_of_eigenvalues
from ...functional.rank import product_singular_values
from .weights import Weights

TOLERANCE = 0.01
"""Directions with less than this part of the largest singular value do not count towards the numerical rank:
for the product of two factors, what a tenth of the largest is for each of them."""


def ranks(weights: Weights) -> dict[str, Tensor]:
    """Measure the ranks of what writes a space whose units trade places.

    Args:
        weights: of the spaces.

    Returns:
        ``effective_rank``, ``participation_ratio``, ``stable_rank`` and ``numerical_rank``, means over the
        copies, ``(spaces,)`` each; nothing if only single numbers write the space.
    """
    make = weights.make
    if not make.writers:
        return {}
    legs, factors = weights.of(make.writers), gauges(weights)
    if make.width(make.writers) < make.size:
        gram = lower_column_gram(list(legs), factors)
    elif weights.written is None:
        gram = lower_gram(zip(legs, factors, strict=True))
    else:  # of a single writer, or of several that nothing scales
        gram = _scaled(weights.written, factors[0])
    finite = (weights.joint_norms(make.writers) + weights.sizes).sum(dim=-1).isfinite()
    return all_ranks(roots_of_eigenvalues(gram, finite), weights.sizes)


def product_ranks(weights: Weights) -> dict[str, Tensor]:
    """Measure the ranks of the product of readers and writers, which a change of basis leaves alone.

    Args:
        weights: of spaces on which a general linear group acts.

    Returns:
        As :func:`ranks`, and ``unbroken``, the dimension of the group of n − r dimensions over that of all n,
        which nothing breaks if r are in use; nothing if a side is missing.
    """
    # single numbers, such as biases, span no direction, and other groups shift them
    sides = [weights.of(legs) for legs in (weights.make.writers, weights.make.readers)]
    if not all(sides):
        return {}
    sigma = product_singular_values(*map(side_by_side, sides))
    unused = 1 - number_above(sigma, TOLERANCE) / weights.make.size
    like = weights.legs[0].new_empty(0)
    return all_ranks(sigma, like) | {"unbroken": unused.square().mean(-1).to(like)}


def gauges(weights: Weights) -> list[Tensor | None]:
    """What the rows of each writer are multiplied with so that its own scalings change nothing.

    Args:
        weights: of spaces whose units trade places.

    Returns:
        Tensors ``(spaces, copies, n)`` that give the rows the size of their unit; None where nothing scales
        them.
    """
    make = weights.make
    return [ratio(weights.sizes, weights.norms[leg]) if make.scales(leg) else None for leg in make.writers]


def side_by_side(legs: Sequence[Tensor]) -> Tensor:
    """Put all that a unit consists of into one row."""
    return legs[0] if len(legs) == 1 else torch.cat(list(legs), dim=-1)


def _scaled(gram: Tensor, factor: Tensor | None) -> Tensor:
    if factor is None:
        return gram
    precise = factor.to(gram)
    return (gram * precise.unsqueeze(-1)).mul_(precise.unsqueeze(-2))


def all_ranks(sigma: Tensor, like: Tensor) -> dict[str, Tensor]:
    """All ranks, as means over the copies.

    Args:
        sigma: Singular values, ``(..., copies, p)``.
        like: Gives device and dtype.

    Returns:
        As :func:`ranks`, ``...`` each.
    """
    found = {
        "effective_rank": entropy_rank(sigma),
        "participation_ratio": participation(sigma),
        "stable_rank": spectral_share(sigma),
        "numerical_rank": number_above(sigma, TOLERANCE),
    }
    return {name: each.mean(-1).to(like) for name, each in found.items()}
