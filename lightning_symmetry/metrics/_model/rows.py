"""Sums over the coordinates of units, of large pieces in parts that find room in the caches."""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce

import torch
from torch import Tensor

from .measured import most_at_once

FIRST = 3
"""The first dimension over which the coordinates of units run: of ``(pieces, copies, n, ...)``."""


def parts(*pieces: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Cut pieces of one shape along their coordinates, in float32 or better.

    Args:
        pieces: Tensors ``(pieces, copies, n, ...)``.

    Yields:
        A part of each, with all units.
    """
    first = pieces[0]
    length = first.shape[FIRST]
    step = max(1, most_at_once(first.device) * length // max(1, first.numel()))
    for start in range(0, length, step):
        cut = (piece.narrow(FIRST, start, min(step, length - start)) for piece in pieces)
        yield tuple(part.to(torch.promote_types(part.dtype, torch.float32)) for part in cut)


def lengths_of_rows(piece: Tensor) -> Tensor:
    """Measure the length of every unit, ``(pieces, copies, n)`` of ``(pieces, copies, n, ...)``."""
    return reduce(torch.hypot, (row_norms(part.flatten(FIRST)) for (part,) in parts(piece)))


def row_norms(leg: Tensor) -> Tensor:
    """The length of every row, ``(..., n)`` of ``(..., n, k)``."""
    if leg.shape[-1] == 1:
        return leg.abs().squeeze(-1)
    if leg.stride(-1) != 1:  # along the slower axis, torch takes norms at a fifth of the pace of sums
        return leg.square().sum(dim=-1).sqrt()
    norms: Tensor = torch.linalg.vector_norm(leg, dim=-1)
    return norms
