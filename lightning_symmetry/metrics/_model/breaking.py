"""How far each symmetry is broken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch

from ...discovery.symmetry import Symmetry
from ...functional import norm_distance, permutation_distance
from ...functional._finite import ratio
from .measured import Measured, batched, total
from .reader import Reader
from .space import Space, sides


def breaking(read: Reader, permuted: Sequence[Space], symmetries: Iterable[Symmetry]) -> dict[str, Measured]:
    """Measure Δ_G of permutations, and of the groups that fix nothing but zero.

    Args:
        read: gives the weights.
        permuted: the spaces whose units trade places.
        symmetries: all symmetries.

    Returns:
        ``breaking_distance``, the model's being the root of the sum of squares over permutations, and
        ``broken_share`` of the permutations, means over the copies, the model's over the spaces.
    """
    legs = {space.mover.name: read(space.legs()) for space in permuted}
    norms = {space.mover.name: read.norms(space.legs()) for space in permuted}
    apart = batched(lambda *legs: permutation_distance(legs), legs)
    lengths = batched(lambda *norms: norm_distance(norms), norms)
    traded = {name: torch.linalg.vector_norm(distance) for name, distance in apart.items()}
    shares = {name: ratio(distance, lengths[name]).mean() for name, distance in apart.items()}
    normed = batched(
        lambda *norms: torch.linalg.vector_norm(norm_distance(norms), dim=-1),
        {s.name: read.norms(sides(s)[0]) for s in symmetries if s.group in {"sign", "general_linear"}},
    )
    whole = torch.linalg.vector_norm(torch.stack(list(traded.values()))) if traded else None
    return {
        "breaking_distance": Measured(traded | normed, whole),
        "broken_share": total(shares, torch.mean),
    }
