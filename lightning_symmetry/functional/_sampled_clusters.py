"""Clusters of units, as a random sample of the units sees them."""

import torch
from torch import Tensor

from lightning_symmetry.functional._alike import Modulo, criterion
from lightning_symmetry.functional._clusters import Clusters, clusters, gathered, living_units
from lightning_symmetry.functional._gram import inner_products


def sampled_clusters(units: Tensor, sizes: Tensor, modulo: Modulo, count: int, seed: int = 0) -> Clusters:
    """Compare a random choice of the units with all of them.

    The number of distinct units and the order of the stabiliser are means over the units: over the chosen
    ones they are off by more than n·√(log(2/δ)/2m) with a probability of at most δ (Hoeffding 1963), m being
    the number that was chosen. For 256 units and δ = 5 % that is 8.5 % of n.

    Args:
        units: tensor ``(..., n, k)``.
        sizes: tensor ``(..., n)`` that decides which units are dead.
        modulo: the group up to which units are compared.
        count: how many are chosen.
        seed: of the choice.

    Returns:
        The clusters; those of all units if there are no more than ``count``.
    """
    n = units.shape[-2]
    if n <= count:
        return clusters(units, modulo=modulo, sizes=sizes)
    chosen = torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:count].to(units.device)
    norms = torch.linalg.vector_norm(units, dim=-1)
    alive = living_units(sizes, norms)
    when = criterion(norms, alive, 0.1, modulo)
    products = inner_products(units[..., chosen, :] * when.factors[..., chosen].unsqueeze(-1), units)
    same = when.met(products, chosen, slice(None)).sum(dim=-1).clamp_(min=1)
    return gathered(same, alive, norms + sizes, chosen)
