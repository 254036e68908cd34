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

from ...functional._finite import ratio
from .reader import Reader
from .space import Piece, Space, place, places_and_powers


def sizes(read: Reader, space: Space) -> Tensor:
    """Compute the size of every unit, blind to the scalings of the space.

    Args:
        read: gives the weights.
        space: a space whose units trade places.

    Returns:
        Tensor ``(copies, n)``: the geometric mean of the norms of all legs that scale alike, with weights
        orthogonal to every scaling; the plain norm where there is no scaling.
    """
    alike = _alike(space)
    norms = torch.stack([_joined(read.norms(pieces)) for pieces in alike.values()])
    weights = _weights(list(alike))
    if len(alike) == 1 or not any(weights):
        plain: Tensor = torch.linalg.vector_norm(norms, dim=0)
        return plain
    kept = [(norm.log(), weight) for norm, weight in zip(norms, weights, strict=True) if weight]
    return torch.stack([weight * logarithm for logarithm, weight in kept]).sum(0).exp()


def written(read: Reader, space: Space) -> list[Tensor]:
    """Arrange what writes a space so that its own scalings change nothing: directions times sizes.

    Args:
        read: gives the weights.
        space: a space whose units trade places.

    Returns:
        Tensors ``(copies, n, k)``, one a leg; none if nothing but single numbers writes the space.
    """
    writers = space.writers()
    blocks = read(writers)
    scaled = [any(powers) for powers in _powers(space, writers)]
    if not any(scaled):
        return blocks
    size = sizes(read, space).unsqueeze(-1)
    parts = zip(blocks, read.norms(writers), scaled, strict=True)
    return [block * ratio(size, norm) if moves else block for block, norm, moves in parts]


def _alike(space: Space) -> dict[tuple[float, ...], list[Piece]]:
    """The legs of a unit by the powers with which all scalings multiply them."""
    alike: dict[tuple[float, ...], list[Piece]] = defaultdict(list)
    for piece, powers in zip(space.legs(), _powers(space, space.legs()), strict=True):
        alike[powers].append(piece)
    return alike


def _powers(space: Space, pieces: Sequence[Piece]) -> list[tuple[float, ...]]:
    scalings = [s for s in space.diagonal if s.group in {"positive_scaling", "scaling"}]
    known = [places_and_powers(scaling) for scaling in scalings]
    return [tuple(powers.get(place(*piece), 0.0) for powers in known) for piece in pieces]


def _weights(powers: Sequence[tuple[float, ...]]) -> list[float]:
    """Exponents that sum to one and are as equal as they can be while every scaling cancels."""
    matrix = torch.tensor(powers, dtype=torch.float64)
    even = torch.full((len(powers),), 1 / len(powers), dtype=torch.float64)
    weights = even - matrix @ (torch.linalg.pinv(matrix) @ even)
    weights = torch.where(weights.abs() < 1e-12, 0.0, weights)
    scale = weights.sum()
    return [float(w) for w in weights / scale] if scale else [0.0] * len(powers)


def _joined(norms: Sequence[Tensor]) -> Tensor:
    joined: Tensor = torch.linalg.vector_norm(torch.stack(list(norms)), dim=0).squeeze(-1)
    return joined
