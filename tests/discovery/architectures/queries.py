"""Queries grouped, and queries and keys normalised."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian
from .attention import STREAM, VALUES, Decoder


class GroupedQueries(Decoder):
    """Four query heads share two heads of keys and values."""

    def __init__(self, norm: type[nn.Module] = nn.RMSNorm) -> None:
        super().__init__(norm)
        self.q, self.o = nn.Linear(8, 12, bias=False), nn.Linear(12, 8, bias=False)
        self.k, self.v = nn.Linear(8, 6, bias=False), nn.Linear(8, 6, bias=False)

    def attend(self, x: Tensor) -> Tensor:
        q = self.q(x).unflatten(-1, (4, 3)).transpose(1, 2)
        k, v = (f(x).unflatten(-1, (2, 3)).transpose(1, 2) for f in (self.k, self.v))
        k, v = (t.repeat_interleave(2, dim=1) for t in (k, v))
        return self.o(((q @ k.mT / 2).softmax(-1) @ v).transpose(1, 2).flatten(2))


class FusedGroupedQueries(GroupedQueries):
    """The same in one call."""

    def attend(self, x: Tensor) -> Tensor:
        q = self.q(x).unflatten(-1, (4, 3)).transpose(1, 2)
        k, v = (f(x).unflatten(-1, (2, 3)).transpose(1, 2) for f in (self.k, self.v))
        return self.o(
            functional.scaled_dot_product_attention(q, k, v, enable_gqa=True).transpose(1, 2).flatten(2)
        )


class NormedQueries(Decoder):
    """Queries and keys of length one, times a trained temperature a head."""

    def __init__(self, norm: type[nn.Module] = nn.RMSNorm) -> None:
        super().__init__(norm)
        self.temperature = nn.Parameter(torch.ones(2, 1, 1))

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (2, 4)).transpose(1, 2) for f in (self.q, self.k, self.v))
        q, k = functional.normalize(q, dim=-1), functional.normalize(k, dim=-1)
        return self.o(((self.temperature * q @ k.mT).softmax(-1) @ v).transpose(1, 2).flatten(2))


class GainedQueries(Decoder):
    """Queries and keys through an RMSNorm whose gains all heads share (Qwen3)."""

    def __init__(self, norm: type[nn.Module] = nn.RMSNorm) -> None:
        super().__init__(norm)
        self.q_norm, self.k_norm = norm(4), norm(4)

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (2, 4)).transpose(1, 2) for f in (self.q, self.k, self.v))
        return self.o(((self.q_norm(q) @ self.k_norm(k).mT / 2).softmax(-1) @ v).transpose(1, 2).flatten(2))


_GROUPED = {
    "general linear queries · keys, one a key head": 2 * 9,
    "general linear values · output, one a value head": 2 * 9,
    **STREAM,
}
ARCHITECTURES = {
    "grouped queries": Architecture(
        GroupedQueries,
        gaussian(5, 9),
        _GROUPED,
        groups=(
            "permutation 10, permutation 8, permutation 2, permutation 2 x2, sign 8, scaling 10, 3 "
            "scaling 8, scale_invariance 1, orthogonal 8, 2 general_linear 3 x2"
        ),
    ),
    "grouped queries, fused": Architecture(
        FusedGroupedQueries,
        gaussian(5, 9),
        _GROUPED,
        groups=(
            "permutation 10, permutation 8, permutation 2, permutation 2 x2, sign 8, scaling 10, 3 "
            "scaling 8, scale_invariance 1, orthogonal 8, 2 general_linear 3 x2"
        ),
    ),
    "normed queries and keys": Architecture(
        NormedQueries,
        gaussian(5, 9),
        {
            "orthogonal queries · keys": 2 * 6,
            "scale invariance queries, keys": 2 * 2,
            **VALUES,
            **STREAM,
        },
        groups=(
            "permutation 10, permutation 8, permutation 2, sign 8, sign 2, 2 positive_scaling 2, scaling "
            "10, 3 scaling 8, scale_invariance 1, orthogonal 8, orthogonal 4 x2, general_linear 4 x2"
        ),
    ),
    "normed queries and keys with gains": Architecture(
        GainedQueries,
        gaussian(5, 9),
        {
            "scaling query gains · key gains": 4,
            "scale invariance queries, keys": 2 * 2,
            **VALUES,
            **STREAM,
        },
        groups=(
            "permutation 10, permutation 8, permutation 4, permutation 2, sign 8, sign 4, sign 2 x4, 2 "
            "positive_scaling 2, scaling 10, 3 scaling 8, scaling 4, scale_invariance 1, orthogonal 8, "
            "general_linear 4 x2"
        ),
    ),
}
