"""How far each symmetry is broken."""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce
from itertools import chain

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional import norm_distance
from ...functional._finite import finite_or_nan, ratio
from .measured import batched
from .reader import Reader
from .rows import parts, row_norms
from .space import sides
from .sums import Asking
from .weights import Weights


def breaking(weights: Weights) -> dict[str, Tensor]:
    """Measure Δ_G of the permutations of units.

    Args:
        weights: of spaces whose units trade places.

    Returns:
        ``breaking_distance`` and ``broken_share``, the mean over the copies; ``(spaces,)`` each.
    """
    apart = list(map(_apart, weights.legs))
    distance = torch.linalg.vector_norm(torch.stack(apart), dim=0)
    length = torch.linalg.vector_norm(weights.joint_norms(range(len(weights.legs))), dim=-1)
    return {
        "breaking_distance": finite_or_nan(torch.linalg.vector_norm(distance, dim=-1)),
        "broken_share": finite_or_nan(ratio(distance, length)).mean(-1),
    }


def _apart(leg: Tensor) -> Tensor:
    centred = (part - part.mean(dim=-2, keepdim=True) for (part,) in parts(leg))
    norm: Tensor = torch.linalg.vector_norm(reduce(torch.hypot, map(row_norms, centred)), dim=-1)
    return norm


def basis_length(weights: Weights) -> dict[str, Tensor]:
    """Measure Δ_G of the general linear group, which fixes nothing but zero.

    Args:
        weights: of spaces on which it acts.

    Returns:
        ``breaking_distance``, ``(spaces,)``.
    """
    joint = weights.joint_norms(range(len(weights.legs)))
    return {"breaking_distance": finite_or_nan(torch.linalg.vector_norm(joint, dim=(-2, -1)))}


def lengths(read: Reader, symmetries: Iterable[Symmetry]) -> Asking[dict[str, Tensor]]:
    """Measure Δ_G of signs, which fix nothing but zero, and of what no other kind of space is made of.

    Args:
        read: gives the weights.
        symmetries: all that are not measured otherwise.

    Yields:
        Lengths.

    Returns:
        A scalar by the name of the symmetry.
    """
    moved = {s.name: sides(s)[0] for s in symmetries if s.group in {"sign", "general_linear"}}
    read.know((yield read.unknown(chain.from_iterable(moved.values()))))
    return batched(
        lambda *norms: torch.linalg.vector_norm(norm_distance(norms), dim=-1),
        ((name, read.norms(pieces)) for name, pieces in moved.items()),
    )
