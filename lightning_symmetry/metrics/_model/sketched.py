"""The dear quantities of large spaces from random projections, for about one read of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from ...functional._clusters import Clusters, Modulo
from ...functional._sampled_clusters import sampled_clusters
from ...functional.sketch import participation_of_projection, projected_sum
from .counts import counts, side_by_side
from .gauge import written
from .measured import Measured, batched, total
from .ranks import ranks
from .reader import Reader
from .space import Space

DIRECTIONS = 64
"""Directions onto which the weights of a unit are projected."""

SAMPLE = 256
"""Units that are compared with all others."""

SMALL = 2 * DIRECTIONS
"""Spaces of at most so many units are measured exactly: a projection would not be cheaper."""


def sketched_counts(read: Reader, permuted: Iterable[Space]) -> dict[str, Measured]:
    """Estimate what :func:`~lightning_symmetry.metrics._model.counts.counts` counts.

    Args:
        read: gives the weights.
        permuted: the spaces whose units trade places.

    Returns:
        The same quantities.
    """
    return counts(read, permuted, _sampled, _projected)


def sketched_ranks(read: Reader, spaces: Iterable[Space]) -> dict[str, Measured]:
    """Measure the ranks of small spaces, and estimate the participation ratio of large ones.

    Args:
        read: gives the weights.
        spaces: all spaces.

    Returns:
        The quantities that :func:`~lightning_symmetry.metrics._model.ranks.ranks` measures; all but the
        participation ratio of small spaces alone.
    """
    small, sketches = [], {}
    for space in spaces:
        width = sum(block.shape[-1] for block in read(space.writers()))
        if min(space.mover.size, width) <= SMALL:
            small.append(space)
        elif space.mover.group != "general_linear":
            sketches[space.mover.name] = [projected_sum(written(read, space), DIRECTIONS)]
    found = ranks(read, small)
    estimated = batched(lambda sketch: participation_of_projection(sketch).mean(-1), sketches)
    exact = found["participation_ratio"].each
    return found | {"participation_ratio": total(exact | estimated, torch.mean)}


def _sampled(rows: Tensor, size: Tensor, modulo: Modulo) -> Clusters:
    return sampled_clusters(rows, size, modulo, SAMPLE)


def _projected(blocks: Sequence[Tensor]) -> Tensor:
    narrow = sum(block.shape[-1] for block in blocks) <= SMALL
    return side_by_side(blocks) if narrow else projected_sum(blocks, DIRECTIONS)
