"""How far weights are from the symmetric state of a group: Ziyin et al., arXiv 2502.05300.

Norms are taken per leg and then joined, so that every distance is differentiable with gradient zero at the
symmetric state itself, where the root of a sum of squares would give NaN.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, ratio, rescaled
from lightning_symmetry.functional._legs import as_legs, as_rows
from lightning_symmetry.functional._norm import frobenius_norm


def symmetry_breaking_distance(legs: Sequence[Tensor], projected: Sequence[Tensor]) -> Tensor:
    r"""Compute the distance from weights to their projection onto the fixed subspace of a group.

    .. math:: \Delta_G(\theta) = \lVert \theta - P_G\,\theta \rVert

    It is zero exactly at the symmetric states, those with :math:`g\theta = \theta` for every g, and grows as
    the symmetry breaks (arXiv 2502.05300). It carries the units of the weights: compare it with its value at
    initialisation, not across layers.

    Args:
        legs: the weights the group acts on, tensors ``(..., n, k_l)`` that share all dimensions but the last.
        projected: their projections, one a leg, each of the leg's shape or broadcastable to it.

    Returns:
        Tensor of shape ``...``, float32 or better, non-negative.

    Raises:
        ValueError: if the legs do not fit together, or a projection does not fit its leg.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import symmetry_breaking_distance
        >>> weight = torch.tensor([[1.0, 2.0], [1.0, 4.0]])
        >>> symmetry_breaking_distance([weight], [weight.mean(dim=0, keepdim=True)])
        tensor(1.4142)
    """
    weights = as_legs(legs, "legs")
    if len(projected) != len(weights):
        raise ValueError(
            f"`projected` must hold one tensor per leg, got {len(projected)} for {len(weights)} legs"
        )
    return _joint_norm([weight - _fitting(weight, projected[i], i) for i, weight in enumerate(weights)])


def permutation_distance(legs: Sequence[Tensor]) -> Tensor:
    r"""Compute the distance to the state where all units are equal, the symmetric one for permutations.

    .. math:: \Delta_{S_n}(\theta) = \Bigl(\sum_l \sum_i \lVert z_{l,i} - \bar z_l \rVert^2\Bigr)^{1/2},
        \qquad \bar z_l = \frac1n \sum_i z_{l,i}

    This is the exact distance to the fixed subspace of the whole permutation group (arXiv 2502.05300), for
    which sorting neurons by norm gives an estimate only.

    Args:
        legs: what the units write and read, tensors ``(..., n, k_l)`` with one unit a row.

    Returns:
        Tensor of shape ``...``, float32 or better, non-negative.

    Raises:
        ValueError: if the legs do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import permutation_distance
        >>> incoming, outgoing = torch.tensor([[1.0, 2.0], [1.0, 8.0]]), torch.tensor([[3.0], [1.0]])
        >>> permutation_distance([incoming, outgoing])
        tensor(4.4721)
    """
    return _joint_norm([leg - leg.mean(dim=-2, keepdim=True) for leg in as_legs(legs, "legs")])


def norm_distance(legs: Sequence[Tensor]) -> Tensor:
    r"""Compute the distance to zero, the symmetric state of every group that fixes no other point.

    .. math:: \Delta_G(\theta) = \lVert \theta \rVert \quad\text{if}\quad P_G = 0

    Sign flips, scalings, rotations and the general linear group are of this kind: only a dead space is
    symmetric.

    Args:
        legs: the weights the group acts on, tensors ``(..., n, k_l)`` that share all dimensions but the last.

    Returns:
        Tensor of shape ``...``, float32 or better, non-negative.

    Raises:
        ValueError: if the legs do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import norm_distance
        >>> norm_distance([torch.tensor([[3.0], [0.0]]), torch.tensor([[0.0], [4.0]])])
        tensor(5.)
    """
    return _joint_norm(as_legs(legs, "legs"))


def broken_share(legs: Sequence[Tensor]) -> Tensor:
    r"""Compute how much of the weights the permutations of the units do not leave alone, at any scale.

    .. math:: \frac{\Delta_{S_n}(\theta)}{\lVert \theta \rVert} \in [0, 1]

    It is 0 where all units are equal and 1 where their mean vanishes, which it nearly does after a random
    initialisation. Weight decay alone, which shrinks all weights alike, does not move it (arXiv 2502.05300).

    Args:
        legs: what the units write and read, tensors ``(..., n, k_l)`` with one unit a row.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 where all weights are zero.

    Raises:
        ValueError: if the legs do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import broken_share
        >>> broken_share([torch.tensor([[1.0, 2.0], [1.0, 8.0]])])
        tensor(0.5071)
    """
    weights = rescaled(as_legs(legs, "legs"))
    broken = [weight - weight.mean(dim=-2, keepdim=True) for weight in weights]
    return finite_or_nan(ratio(_joint_norm(broken), _joint_norm(weights)))


def norm_sorted_distance(legs: Sequence[Tensor]) -> Tensor:
    r"""Estimate the distance to the nearest state in which two units are equal, without comparing all pairs.

    .. math:: \frac{1}{\sqrt2} \min_i \lVert z_{(i+1)} - z_{(i)} \rVert
        \ge \frac{1}{\sqrt2} \min_{i \ne j} \lVert z_i - z_j \rVert

    with units sorted by their norm, the estimate of arXiv 2502.05300: equal units have equal norms, so that
    they become neighbours. The right-hand side is the distance to the states that a transposition fixes, the
    first part of the permutation symmetry to be restored; sorting gives an upper bound.

    Args:
        legs: what the units write and read, tensors ``(..., n, k_l)`` with one unit a row.

    Returns:
        Tensor of shape ``...``, float32 or better, non-negative; 0 for a single unit.

    Raises:
        ValueError: if the legs do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import norm_sorted_distance
        >>> norm_sorted_distance([torch.tensor([[3.0, 4.0], [0.0, 1.0], [4.0, 4.0]])])
        tensor(0.7071)
    """
    weights = as_legs(legs, "legs")
    if weights[0].shape[-2] == 1:
        return _joint_norm([weight * 0 for weight in weights])
    norms = torch.stack([torch.linalg.vector_norm(weight, dim=-1) for weight in weights], dim=-1)
    order = torch.linalg.vector_norm(norms, dim=-1).argsort(dim=-1).unsqueeze(-1)
    steps = [weight.take_along_dim(order, dim=-2).diff(dim=-2) for weight in weights]
    lengths = torch.stack([torch.linalg.vector_norm(step, dim=-1) for step in steps], dim=-1)
    nearest = torch.linalg.vector_norm(lengths, dim=-1).amin(dim=-1) / math.sqrt(2)
    return finite_or_nan(nearest)


def _fitting(weight: Tensor, projection: Tensor, index: int) -> Tensor:
    projection = as_rows(projection, f"projected[{index}]")
    trailing = weight.shape[weight.ndim - projection.ndim :]
    if projection.ndim > weight.ndim or any(
        size not in (1, full) for size, full in zip(projection.shape, trailing, strict=True)
    ):
        raise ValueError(
            f"`projected[{index}]` must have the shape of its leg or broadcast to it, "
            f"got {tuple(projection.shape)} for {tuple(weight.shape)}"
        )
    return projection


def _joint_norm(parts: Sequence[Tensor]) -> Tensor:
    norms = [frobenius_norm(part) for part in parts]
    joint: Tensor = torch.linalg.vector_norm(torch.stack(norms, dim=-1), dim=-1)
    return finite_or_nan(joint)
