"""What of a unit its scalings leave alone.

A scaling multiplies some legs of a unit by a power of λ and others by another, so no single norm means
anything. A product of powers of the norms does if the exponents are orthogonal to those of every scaling:
√(‖in‖·‖out‖) for a ReLU unit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

Powers = tuple[float, ...]
"""The power with which each scaling multiplies a leg."""


def sizes(norms: Sequence[Tensor], powers: Sequence[Powers]) -> Tensor:
    """Compute the size of every unit, blind to the scalings of the space.

    Args:
        norms: lengths of the units in each leg, tensors ``(..., n)``.
        powers: for every leg, those of all scalings.

    Returns:
        Tensor ``(..., n)``: the geometric mean of the norms of all legs that scale alike, with weights
        orthogonal to every scaling; the plain norm where there is no scaling.
    """
    alike: dict[Powers, list[Tensor]] = defaultdict(list)
    for norm, power in zip(norms, powers, strict=True):
        alike[power].append(norm)
    joined = torch.stack([_joined(legs) for legs in alike.values()])
    weights = _weights(list(alike))
    if len(alike) == 1 or not any(weights):
        return _joined(list(joined))
    kept = [(norm.log(), weight) for norm, weight in zip(joined, weights, strict=True) if weight]
    return torch.stack([weight * logarithm for logarithm, weight in kept]).sum(0).exp()


def _weights(powers: Sequence[Powers]) -> list[float]:
    """Exponents that sum to one and are as equal as they can be while every scaling cancels."""
    matrix = torch.tensor(powers, dtype=torch.float64)
    even = torch.full((len(powers),), 1 / len(powers), dtype=torch.float64)
    weights = even - matrix @ (torch.linalg.pinv(matrix) @ even)
    weights = torch.where(weights.abs() < 1e-12, 0.0, weights)
    scale = weights.sum()
    return [float(w) for w in weights / scale] if scale else [0.0] * len(powers)


def _joined(norms: Sequence[Tensor]) -> Tensor:
    joined: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)), dim=0)
    return joined
