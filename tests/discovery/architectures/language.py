"""Language models: one stack of blocks between tokens and tokens."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture
from .attention import RMSNorm, SelfAttention


def tokens(vocabulary: int, length: int) -> Callable[[int], tuple[Tensor, ...]]:
    """Inputs of one sequence of tokens."""
    return lambda batch: (torch.randint(vocabulary, (batch, length)),)


class BidirectionalAttention(SelfAttention):
    """Every position sees every other."""

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return (q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])).softmax(-1) @ v


class BERT(nn.Module):
    """Tokens and positions, normalisation behind every residual sum, a head of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.position, self.norm = nn.Embedding(11, 6), nn.Embedding(5, 6), nn.LayerNorm(6)
        self.attention, self.norm1 = BidirectionalAttention(6, 2), nn.LayerNorm(6)
        self.up, self.down, self.norm2 = nn.Linear(6, 8), nn.Linear(8, 6), nn.LayerNorm(6)
        self.head = nn.Linear(6, 11)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.norm(self.token(ids) + self.position(torch.arange(ids.shape[1], device=ids.device)))
        x = self.norm1(x + self.attention(x))
        x = self.norm2(x + self.down(functional.gelu(self.up(x))))
        return self.head(x)


class GPT2(nn.Module):
    """The head is the table of tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.wte, self.wpe = nn.Embedding(11, 6), nn.Embedding(5, 6)
        self.norm1, self.attention = nn.LayerNorm(6), SelfAttention(6, 2)
        self.norm2, self.up, self.down = nn.LayerNorm(6), nn.Linear(6, 8), nn.Linear(8, 6)
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 11, bias=False)
        self.head.weight = self.wte.weight

    def forward(self, ids: Tensor) -> Tensor:
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1], device=ids.device))
        x = x + self.attention(self.norm1(x))
        x = x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))
        return self.head(self.norm(x))


class Llama(nn.Module):
    """RMSNorm, rotary positions, grouped queries, SwiGLU, as in the transformers library."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = nn.Embedding(11, 8), nn.Linear(8, 11, bias=False)
        self.norm1, self.norm2, self.norm = RMSNorm(8), RMSNorm(8), RMSNorm(8)
        self.q, self.o = nn.Linear(8, 16, bias=False), nn.Linear(16, 8, bias=False)
        self.k, self.v = nn.Linear(8, 8, bias=False), nn.Linear(8, 8, bias=False)
        self.gate, self.up = nn.Linear(8, 10, bias=False), nn.Linear(8, 10, bias=False)
        self.down = nn.Linear(10, 8, bias=False)
        self.register_buffer("frequency", torch.tensor([1.0, 0.3]), persistent=False)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.embed(ids)
        x = x + self.attend(self.norm1(x))
        h = self.norm2(x)
        x = x + self.down(functional.silu(self.gate(h)) * self.up(h))
        return self.head(self.norm(x))

    def attend(self, x: Tensor) -> Tensor:
        batch, length, _ = x.shape
        q, k, v = (f(x).view(batch, length, -1, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        angles = torch.arange(length, device=x.device)[:, None] * self.frequency
        cos, sin = (torch.cat([wave, wave], dim=-1) for wave in (angles.cos(), angles.sin()))
        q, k = (t * cos + self.rotate_half(t) * sin for t in (q, k))
        k, v = (t[:, :, None].expand(-1, -1, 2, -1, -1).reshape(batch, 4, length, 4) for t in (k, v))
        mask = torch.full((length, length), float("-inf"), dtype=x.dtype, device=x.device).triu(1)
        out = (q @ k.transpose(2, 3) / 2 + mask).softmax(-1) @ v
        return self.o(out.transpose(1, 2).reshape(batch, length, -1))

    @staticmethod
    def rotate_half(x: Tensor) -> Tensor:
        return torch.cat([-x[..., 2:], x[..., :2]], dim=-1)


ARCHITECTURES = {
    "BERT": Architecture(
        BERT,
        tokens(11, 5),
        {
            "general linear queries · keys": 2 * 9,
            "general linear values · output": 2 * 9,
            "translation key bias": 6,
            "translation value bias → output bias": 6,
            "translation tokens → positions": 6,
            "translation tokens and positions along the mean": 11 + 5 - 1,
            "translation writers along the mean": 7 + 9,
            "translation norm shifts → biases of readers and writer": 2 * 6,
            "translation readers along 1/γ": 18 + 8 + 11,
            "scale invariance streams between norms": 3,
            "scaling last gains": 6,
            "translation last shifts → head bias": 6,
        },
        groups=(
            "permutation 8, permutation 6, permutation 2, 3 sign 1, scaling 6, 3 scale_invariance 1, 2 "
            "general_linear 3 x2"
        ),
    ),
    "GPT-2": Architecture(
        GPT2,
        tokens(11, 5),
        {
            "general linear queries · keys": 2 * 9,
            "general linear values · output": 2 * 9,
            "translation key bias": 6,
            "translation value bias → output bias": 6,
            "scaling norm gains": 2 * 6,
            "translation norm shifts → biases of the readers": 2 * 6,
            "translation writers along the mean": 5 + 7 + 9,
            "translation readers along 1/γ": 18 + 8,
            "positive scaling stream and head": 1,
        },
        groups=(
            "permutation 8, permutation 6, permutation 2, sign 1, 2 scaling 6, scale_invariance 1, 2 "
            "general_linear 3 x2"
        ),
    ),
    "Llama": Architecture(
        Llama,
        tokens(11, 5),
        {
            "plane rotations and scales queries · keys": 2 * 2 * 2,
            "general linear values · output, one a value head": 2 * 16,
            "scaling gates": 10,
            "scaling norm gains": 3 * 8,
            "orthogonal stream": 28,
            "scale invariance stream": 1,
        },
        groups=(
            "permutation 10, permutation 8, permutation 2, permutation 2 x2, sign 8, scaling 10, 3 "
            "scaling 8, scaling 2 x2, scale_invariance 1, plane_rotation 4 x2, orthogonal 8, "
            "general_linear 4 x2"
        ),
    ),
}
