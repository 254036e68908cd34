"""What is measured of permuted units in a few random directions, and on a sample of the units."""

from __future__ import annotations

import torch
from torch import Tensor

from ...functional._sampled_clusters import sampled_clusters
from ...functional.sketch import participation_of_projection
from .counts import compared, counted
from .ranks import gauges
from .weights import Weights

SAMPLE = 256
"""Units that are compared with all others."""


def sampled_counts(weights: Weights) -> dict[str, Tensor]:
    """Estimate what :func:`~lightning_symmetry.metrics._model.counts.counts` counts.

    Args:
        weights: projections of spaces whose units trade places.

    Returns:
        The same quantities.
    """
    legs, _ = compared(weights)
    rows = torch.stack(list(legs)).sum(dim=0)  # each has directions of its own
    return counted(sampled_clusters(rows, weights.sizes, weights.make.modulo, SAMPLE))


def projected_participation(weights: Weights) -> dict[str, Tensor]:
    """Estimate the participation ratio of what writes a space.

    Args:
        weights: projections of spaces whose units trade places.

    Returns:
        ``participation_ratio``, the mean over the copies; nothing if only single numbers write the space.
    """
    legs = [
        leg if factor is None else leg * factor.unsqueeze(-1)
        for leg, factor in zip(weights.of(weights.make.writers), gauges(weights), strict=True)
    ]
    if not legs:
        return {}
    return {"participation_ratio": participation_of_projection(torch.stack(legs).sum(dim=0)).mean(-1)}
