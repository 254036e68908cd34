"""Inner products of all pairs of units, each pair once: the lower half of a Gram matrix, row by row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, starmap
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._gram import inner_products

AT_ONCE = 2**24
"""Numbers in one block: 64 MB of float32, for any number of units."""

_LEAST = 256
"""Rows under which a matrix product is too narrow to be fast."""

_CACHED = 2**20
"""Numbers in float64 that are multiplied while they are still near the processor."""

_PARTS = 6
"""Blocks of many rows: the corners above the diagonal, computed in vain, are a sixth of half the matrix."""


class Block(NamedTuple):
    """Products of the rows from ``start`` to ``stop`` with all rows before ``stop``.

    Attributes:
        start: the first row.
        stop: the first one that does not belong to the block.
        products: tensor ``(..., stop - start, stop)``.
    """

    start: int
    stop: int
    products: Tensor


def lower_products(legs: Sequence[Tensor], factors: Tensor, known: Tensor | None = None) -> Iterator[Block]:
    """Multiply units, each with itself and with those before it.

    Args:
        legs: tensors ``(..., n, k_l)``, whose products are added up.
        factors: tensor ``(..., n)``; one number that multiplies the products of a row.
        known: the products of other legs, from :func:`lower_gram`, that are added to them.

    Yields:
        The blocks; a caller may overwrite their products.
    """
    for start, stop in _cuts(factors.shape):
        scale = factors[..., start:stop].unsqueeze(-1)
        products = None if known is None else (known[..., start:stop, :stop] * scale).to(factors.dtype)
        for leg in legs:
            part = inner_products(leg[..., start:stop, :] * scale, leg[..., :stop, :])
            products = part if products is None else products.add_(part)
            del leg, part  # the next one need not fit beside it
        if products is not None:
            yield Block(start, stop, products)


def lower_gram(legs: Iterable[tuple[Tensor, Tensor | None]]) -> Tensor:
    """Add up the Gram matrices of the rows of some legs, in float64.

    Args:
        legs: tensors ``(..., n, k_l)``, none of which is kept, each with a tensor ``(..., n)`` that
            multiplies its rows, or None for ones.

    Returns:
        float64 tensor ``(..., n, n)``; above the diagonal it means nothing, but in the blocks of
        :func:`lower_products`.
    """
    return _sum_of_grams(chain.from_iterable(starmap(_narrow, legs)))


def lower_column_gram(legs: Sequence[Tensor], factors: Sequence[Tensor | None]) -> Tensor:
    """Compute the Gram matrix of the columns of some legs side by side, in float64.

    Args:
        legs: tensors ``(..., n, k_l)``.
        factors: for every leg as for :func:`lower_gram`.

    Returns:
        float64 tensor ``(..., k, k)`` with k the sum of all k_l, as :func:`lower_gram` gives it.
    """
    copies, count = legs[0].shape[:-2], legs[0].shape[-2]
    width = sum(leg.shape[-1] for leg in legs)
    rows = max(1, _CACHED // max(1, width * copies.numel()))
    parts = (_side_by_side(legs, factors, slice(start, start + rows)).mT for start in range(0, count, rows))
    return _sum_of_grams(parts)


def _cuts(shape: torch.Size) -> list[tuple[int, int]]:
    """Cut the rows of Gram matrices, ``(..., n)``, into blocks."""
    count, copies = shape[-1], shape[:-1].numel()
    most = max(1, AT_ONCE // max(1, count * copies))
    rows = min(most, max(_LEAST, math.ceil(count / _PARTS)))
    return [(start, min(start + rows, count)) for start in range(0, count, rows)]


def _narrow(leg: Tensor, factor: Tensor | None) -> Iterator[Tensor]:
    """Cut a leg along its columns."""
    width = max(1, _CACHED // max(1, leg.shape[:-1].numel()))
    return (_precise(part, factor) for part in torch.split(leg, width, dim=-1))


def _precise(part: Tensor, factor: Tensor | None) -> Tensor:
    if part.device.type == "mps":  # it has no float64
        part, factor = part.cpu(), None if factor is None else factor.cpu()
    return part.double() if factor is None else part * factor.double().unsqueeze(-1)


def _side_by_side(legs: Sequence[Tensor], factors: Sequence[Tensor | None], rows: slice) -> Tensor:
    parts = [
        _precise(leg[..., rows, :], None if factor is None else factor[..., rows])
        for leg, factor in zip(legs, factors, strict=True)
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


def _sum_of_grams(parts: Iterable[Tensor]) -> Tensor:
    """Add up the lower halves of the Gram matrices of parts ``(..., n, k)``, at least one."""
    gram, shape = torch.empty(0), torch.Size()
    for part in parts:
        if not shape:
            shape = part.shape[:-1]
            gram = part.new_empty(shape[:-1].numel(), shape[-1], shape[-1])
            _add_gram(gram, part, shape, 0.0)  # of what is in the memory before
        else:
            _add_gram(gram, part, shape, 1.0)
        del part  # the next one need not fit beside it
    return gram.view(*shape, shape[-1])


def _add_gram(gram: Tensor, part: Tensor, shape: torch.Size, kept: float) -> None:
    rows = part.flatten(end_dim=-3)
    with torch.autocast(gram.device.type, enabled=False):
        for start, stop in _cuts(shape):
            one, other = rows[:, start:stop], rows[:, :stop].mT
            if len(rows) == 1:  # a single product is faster than a batch of one
                gram[0, start:stop, :stop].addmm_(one[0], other[0], beta=kept)
            else:
                gram[:, start:stop, :stop].baddbmm_(one, other, beta=kept)
