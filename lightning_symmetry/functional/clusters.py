"""Which units of an index space are the same: the part of the permutation group that they leave unbroken."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._alike import Modulo
from lightning_symmetry.functional._clusters import clusters


@torch.no_grad()
def cluster_sizes(
    units: Tensor,
    threshold: float = 0.1,
    *,
    modulo: Modulo = "nothing",
    dead_threshold: float = 0.1,
    sizes: Tensor | None = None,
) -> Tensor:
    """Count, for every unit, the units that are the same, itself included.

    The permutations of each cluster are the unbroken subgroup (stabiliser) of the weights, arXiv 2502.05300.
    Dead units are one cluster.

    Args:
        units: as for :func:`~lightning_symmetry.functional.distinct_units`.
        threshold: as there.
        modulo: as there.
        dead_threshold: as there.
        sizes: as there.

    Returns:
        Tensor ``(..., n)``, float32 or better, between 1 and n; NaN in a copy that is not finite.

    Raises:
        ValueError: if a shape, a threshold or ``modulo`` is not as there.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import cluster_sizes
        >>> cluster_sizes(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1], [0.0, 0.01]]))
        tensor([2., 1., 2., 1.])
    """
    found = clusters(units, threshold, modulo=modulo, dead_threshold=dead_threshold, sizes=sizes)
    return torch.where(found.finite.unsqueeze(-1), found.sizes, math.nan)


@torch.no_grad()
def unbroken_permutations(
    units: Tensor,
    threshold: float = 0.1,
    *,
    modulo: Modulo = "nothing",
    dead_threshold: float = 0.1,
    sizes: Tensor | None = None,
) -> Tensor:
    r"""Compute the share of the permutation group that the weights leave unbroken, on a logarithmic scale.

    .. math:: \frac{\sum_c \log n_c!}{\log n!} \in [0, 1]

    over clusters of :math:`n_c` equal units, the dead ones together: the stabiliser of the weights is the
    product of the permutations of the clusters (arXiv 2502.05300, Sec. 2). It is 1 where all units are equal
    and 0 where all differ. It grows as a symmetry is restored and falls as it breaks.

    Args:
        units: as for :func:`~lightning_symmetry.functional.distinct_units`.
        threshold: as there.
        modulo: as there.
        dead_threshold: as there.
        sizes: as there.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 for a single unit, NaN where a copy is not finite.

    Raises:
        ValueError: if a shape, a threshold or ``modulo`` is not as there.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import unbroken_permutations
        >>> unbroken_permutations(torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]))
        tensor(0.3869)
    """
    found = clusters(units, threshold, modulo=modulo, dead_threshold=dead_threshold, sizes=sizes)
    return found.unbroken()
