"""Attention without a softmax over positions."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian


class LinearAttention(nn.Module):
    """Attention without a softmax: positive features of queries and keys (arXiv 2006.16236)."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(6, 6) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (2, 3)) for f in (self.q, self.k, self.v))
        q, k = functional.elu(q) + 1, functional.elu(k) + 1
        memory = torch.einsum("bshk,bshv->bhkv", k, v)
        scale = 1 / torch.einsum("bthk,bhk->bth", q, k.sum(1))
        return self.o(torch.einsum("bthk,bhkv,bth->bthv", q, memory, scale).flatten(2))


class Retention(nn.Module):
    """Queries times keys, decaying with distance, no softmax; a norm for each head, and a gate (RetNet)."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.gate, self.o = (nn.Linear(6, 6, bias=False) for _ in range(5))
        self.norm = nn.LayerNorm(3, elementwise_affine=False)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (2, 3)).transpose(1, 2) for f in (self.q, self.k, self.v))
        place = torch.arange(x.shape[1], device=x.device)
        distance = (place[:, None] - place).clamp(min=0)
        decay = (torch.tensor([0.9, 0.7], dtype=x.dtype, device=x.device)[:, None, None] ** distance).tril()
        y = self.norm(((q @ k.mT * decay) @ v).transpose(1, 2)).flatten(2)
        return self.o(functional.silu(self.gate(x)) * y)


class RWKV(nn.Module):
    """Time mixing and channel mixing of RWKV-4 (arXiv 2305.13048)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm1, self.norm2, self.norm = (
            nn.Linear(6, 5),
            nn.LayerNorm(5),
            nn.LayerNorm(5),
            nn.LayerNorm(5),
        )
        self.mix = nn.Parameter(torch.rand(5, 5))
        self.decay, self.bonus = nn.Parameter(torch.randn(5)), nn.Parameter(torch.randn(5))
        self.receptance, self.key, self.value, self.output = (nn.Linear(5, 5, bias=False) for _ in range(4))
        self.show, self.up, self.down = (
            nn.Linear(5, 5, bias=False),
            nn.Linear(5, 7, bias=False),
            nn.Linear(7, 5, bias=False),
        )
        self.head = nn.Linear(5, 6, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        x = x + self.time(self.norm1(x))
        x = x + self.channel(self.norm2(x))
        return self.head(self.norm(x))

    def blend(self, x: Tensor, mix: Tensor) -> Tensor:
        before = functional.pad(x, (0, 0, 1, -1))
        return x * mix + before * (1 - mix)

    def time(self, x: Tensor) -> Tensor:
        key, value = self.key(self.blend(x, self.mix[0])), self.value(self.blend(x, self.mix[1]))
        receptance = self.receptance(self.blend(x, self.mix[2])).sigmoid()
        top, bottom, out = torch.zeros_like(key[:, 0]), torch.zeros_like(key[:, 0]), []
        for k, v in zip(key.unbind(1), value.unbind(1), strict=True):
            now = (self.bonus + k).exp()
            out.append((top + now * v) / (bottom + now))
            keep = torch.exp(-self.decay.exp())
            top, bottom = keep * top + k.exp() * v, keep * bottom + k.exp()
        return self.output(receptance * torch.stack(out, dim=1))

    def channel(self, x: Tensor) -> Tensor:
        hidden = self.up(self.blend(x, self.mix[3])).relu().square()
        return self.show(self.blend(x, self.mix[4])).sigmoid() * self.down(hidden)


ARCHITECTURES = {
    "linear attention": Architecture(
        LinearAttention,
        gaussian(5, 6),
        {"general linear values · output": 2 * 9, "translation value bias → output bias": 6},
        groups="permutation 3 x2, permutation 2, general_linear 3 x2",
        missing={
            "value bias: that a hand-written normaliser makes the weights sum to one is not seen": 6,
        },
    ),
    "retention": Architecture(
        Retention,
        gaussian(5, 6),
        {
            "general linear queries · keys": 2 * 9,
            "scale invariance queries, values": 2 * 2,
            "translation values along the mean": 2 * 6,
        },
        groups="permutation 3 x2, 2 sign 2, 2 positive_scaling 2, general_linear 3 x2",
    ),
    "RWKV": Architecture(
        RWKV,
        gaussian(4, 6),
        {
            "positive scaling hidden units": 7,
            "scaling values ↔ output": 5,
            "scaling norm gains": 3 * 5,
            "translation writers along the mean": 7 + 5,
            "general linear shear of the last norm and the head along the mean": 5,
            "scale invariance stream": 1,
        },
        groups="permutation 7, 2 permutation 5, sign 1, positive_scaling 7, 4 scaling 5, scale_invariance 1",
        missing={
            "shear: W + v(1/γ)ᵀ and β + δ with Wδ + v Σ(β + δ)/γ = 0, as the head has no bias": 5,
        },
    ),
}
