"""Attention blocks written by hand, as in countless repositories."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian


class SelfAttention(nn.Module):
    """Packed queries, keys and values with biases; causal; unfused."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            part.view(batch, length, self.heads, -1).transpose(1, 2) for part in self.qkv(x).chunk(3, dim=-1)
        )
        return self.out(self.mix(q, k, v).transpose(1, 2).reshape(batch, length, width))

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=q.device).triu(1)
        return scores.masked_fill(later, float("-inf")).softmax(-1) @ v


class FusedSelfAttention(SelfAttention):
    """The same in one call."""

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return functional.scaled_dot_product_attention(q, k, v, is_causal=True)


class PreNormBlock(nn.Module):
    """Attention and a GELU MLP, each behind a LayerNorm, on a residual stream; embedding and head."""

    def __init__(self, attention: type[SelfAttention]) -> None:
        super().__init__()
        self.embed = nn.Linear(9, 8)
        self.norm1, self.attention = nn.LayerNorm(8), attention(8, 2)
        self.norm2, self.up, self.down = nn.LayerNorm(8), nn.Linear(8, 12), nn.Linear(12, 8)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 9)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.attention(self.norm1(x))
        x = x + self.down(functional.gelu(self.up(self.norm2(x))))
        return self.head(self.norm(x))


class RMSNorm(nn.Module):
    """Root mean square normalisation as Llama writes it."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps))


class GemmaNorm(nn.Module):
    """The gain is one plus the weight (Gemma)."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.zeros(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.eps) * (1 + self.weight)


class Decoder(nn.Module):
    """RMSNorm, attention without biases, SwiGLU."""

    def __init__(self, norm: type[nn.Module]) -> None:
        super().__init__()
        self.embed = nn.Linear(9, 8, bias=False)
        self.norm1, self.norm2, self.norm = norm(8), norm(8), norm(8)
        self.q, self.k, self.v, self.o = (nn.Linear(8, 8, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(8, 10, bias=False) for _ in range(2))
        self.down, self.head = nn.Linear(10, 8, bias=False), nn.Linear(8, 9, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.attend(self.norm1(x))
        h = self.norm2(x)
        x = x + self.down(functional.silu(self.gate(h)) * self.up(h))
        return self.head(self.norm(x))

    def attend(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (2, 4)).transpose(1, 2) for f in (self.q, self.k, self.v))
        attention = (q @ k.mT / 2).softmax(-1)
        return self.o((attention @ v).transpose(1, 2).flatten(2))


_PRE_NORM = {
    "general linear queries · keys": 2 * 16,
    "general linear values · output": 2 * 16,
    "translation key bias": 8,
    "translation value bias → output bias": 8,
    "scaling norm gains": 3 * 8,
    "translation norm shifts → biases of the readers": 3 * 8,
    "translation writers along the mean": 10 + 9 + 13,
    "translation readers along 1/γ": 24 + 12 + 9,
    "scale invariance stream": 1,
    "orthogonal centred stream": 21,
}
STREAM = {
    "scaling gates": 10,
    "scaling norm gains": 3 * 8,
    "orthogonal stream": 28,
    "scale invariance stream": 1,
}
VALUES = {"general linear values · output": 2 * 16}
_DECODER = {"general linear queries · keys": 2 * 16, **VALUES, **STREAM}
ARCHITECTURES = {
    "pre-norm transformer, packed": Architecture(
        lambda: PreNormBlock(SelfAttention),
        gaussian(5, 9),
        _PRE_NORM,
        groups=(
            "permutation 12, permutation 8, permutation 2, sign 1, 3 scaling 8, scale_invariance 1, "
            "orthogonal 7, 2 general_linear 4 x2"
        ),
    ),
    "pre-norm transformer, fused": Architecture(
        lambda: PreNormBlock(FusedSelfAttention),
        gaussian(5, 9),
        _PRE_NORM,
        groups=(
            "permutation 12, permutation 8, permutation 2, sign 1, 3 scaling 8, scale_invariance 1, "
            "orthogonal 7, 2 general_linear 4 x2"
        ),
    ),
    "decoder, RMSNorm by hand": Architecture(
        lambda: Decoder(RMSNorm),
        gaussian(5, 9),
        _DECODER,
        groups=(
            "permutation 10, permutation 8, permutation 2, sign 8, scaling 10, 3 scaling 8, "
            "scale_invariance 1, orthogonal 8, 2 general_linear 4 x2"
        ),
    ),
    "decoder, nn.RMSNorm": Architecture(
        lambda: Decoder(nn.RMSNorm),
        gaussian(5, 9),
        _DECODER,
        groups=(
            "permutation 10, permutation 8, permutation 2, sign 8, scaling 10, 3 scaling 8, "
            "scale_invariance 1, orthogonal 8, 2 general_linear 4 x2"
        ),
    ),
    "gains of one plus a weight": Architecture(
        lambda: Decoder(GemmaNorm),
        gaussian(5, 9),
        _DECODER,
        groups=(
            "permutation 10, permutation 8, permutation 2, sign 8, scaling 10, 3 scaling 8, "
            "scale_invariance 1, orthogonal 8, 2 general_linear 4 x2"
        ),
    ),
}
