"""Weight matching: permute the units of one network until its weights are nearest to another's.

Ainsworth, Hayase, Srinivasa, *Git Re-Basin*, arXiv 2209.04836, for any network whose permutations are known.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor

from lightning_symmetry import Symmetry


def matched(
    reference: dict[str, Tensor], params: dict[str, Tensor], symmetries: Iterable[Symmetry], rounds: int = 20
) -> dict[str, Tensor]:
    """Permute one network onto another.

    Args:
        reference: Weights of the network that stays.
        params: Weights of the network whose units move.
        symmetries: Symmetries of the architecture, of which the permutations are used.
        rounds: How often all spaces are visited at most.

    Returns:
        The moved weights, which compute the same.
    """
    permutations = [symmetry for symmetry in symmetries if symmetry.group == "permutation"]
    for _ in range(rounds):
        before = params
        for symmetry in permutations:
            params = symmetry.act(params, _best(reference, params, symmetry))
        if all(torch.equal(params[name], before[name]) for name in params):
            break
    return params


def _best(reference: dict[str, Tensor], params: dict[str, Tensor], symmetry: Symmetry) -> Tensor:
    """The element that brings the units nearest to those of the reference, one for each copy."""
    agreement = torch.zeros(symmetry.copies, symmetry.size, symmetry.size, dtype=torch.float64)
    for leg in symmetry.legs:
        for act in range(len(leg.acts)):
            fixed, moving = (
                leg.units(leg.of(side[leg.parameter]), act).double() for side in (reference, params)
            )
            agreement += fixed @ moving.mT
    return torch.stack([torch.as_tensor(linear_sum_assignment(-each.numpy())[1]) for each in agreement])
