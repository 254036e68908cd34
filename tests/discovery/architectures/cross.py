"""Attention from one sequence to another, and to learned latents."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian
from .attention import RMSNorm


class T5Attention(nn.Module):
    """No biases, no scale; a bias on the scores for every distance."""

    def __init__(self) -> None:
        super().__init__()
        self.q, self.k, self.v, self.o = (nn.Linear(6, 6, bias=False) for _ in range(4))

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor | float = 0.0) -> Tensor:
        q = self.q(x).unflatten(-1, (2, 3)).transpose(1, 2)
        k, v = (f(memory).unflatten(-1, (2, 3)).transpose(1, 2) for f in (self.k, self.v))
        return self.o(((q @ k.mT + bias).softmax(-1) @ v).transpose(1, 2).flatten(2))


class T5(nn.Module):
    """Encoder and decoder share the table of tokens; a table of distances gives the scores their biases."""

    def __init__(self) -> None:
        super().__init__()
        self.shared, self.head = nn.Embedding(10, 6), nn.Linear(6, 10, bias=False)
        self.encoder_distance, self.decoder_distance = nn.Embedding(7, 2), nn.Embedding(4, 2)
        self.encoder_self, self.decoder_self, self.cross = T5Attention(), T5Attention(), T5Attention()
        self.norms = nn.ModuleList(RMSNorm(6) for _ in range(7))
        self.encoder_up, self.encoder_down = nn.Linear(6, 8, bias=False), nn.Linear(8, 6, bias=False)
        self.decoder_up, self.decoder_down = nn.Linear(6, 8, bias=False), nn.Linear(8, 6, bias=False)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        distance = torch.arange(4)[None] - torch.arange(4)[:, None]
        x, h = self.shared(source), self.norms[0](self.shared(source))
        x = x + self.encoder_self(h, h, self.encoder_distance(distance + 3).permute(2, 0, 1))
        x = x + self.encoder_down(self.encoder_up(self.norms[1](x)).relu())
        memory = self.norms[2](x)
        y, h = self.shared(target), self.norms[3](self.shared(target))
        bias = self.decoder_distance((-distance).clamp(min=0)).permute(2, 0, 1)
        bias = bias.masked_fill(distance > 0, float("-inf"))
        y = y + self.decoder_self(h, h, bias)
        y = y + self.cross(self.norms[4](y), memory)
        y = y + self.decoder_down(self.decoder_up(self.norms[5](y)).relu())
        return self.head(self.norms[6](y))


class Translator(nn.Module):
    """torch's own decoder layer over a memory."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(7, 6)
        self.layer = nn.TransformerDecoderLayer(
            6, 2, 8, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 7)

    def forward(self, x: Tensor, memory: Tensor) -> Tensor:
        return self.head(self.norm(self.layer(self.embed(x), memory)))


class Perceiver(nn.Module):
    """Learned latents ask the inputs, twice with the same weights."""

    def __init__(self) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(3, 5))
        self.norm, self.q = nn.LayerNorm(5), nn.Linear(5, 4, bias=False)
        self.kv, self.o = nn.Linear(6, 8, bias=False), nn.Linear(4, 5)
        self.norm2, self.up, self.down = nn.LayerNorm(5), nn.Linear(5, 6), nn.Linear(6, 5)
        self.last, self.head = nn.LayerNorm(5), nn.Linear(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        latents = self.latents.expand(len(x), -1, -1)
        k, v = self.kv(x).chunk(2, dim=-1)
        for _ in range(2):
            scores = torch.einsum("bld,bsd->bls", self.q(self.norm(latents)), k) / 2
            latents = latents + self.o(torch.einsum("bls,bsd->bld", scores.softmax(-1), v))
            latents = latents + self.down(functional.gelu(self.up(self.norm2(latents))))
        return self.head(self.last(latents))


class MultiQuery(nn.Module):
    """nn.MultiheadAttention, then a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.head = nn.MultiheadAttention(6, 2, batch_first=True), nn.Linear(6, 6)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.attention(x, x, x, need_weights=False)[0].tanh())


ARCHITECTURES = {
    "T5": Architecture(
        T5,
        lambda n: (torch.randint(10, (n, 4)), torch.randint(10, (n, 4))),
        {
            "general linear queries · keys": 3 * 2 * 9,
            "general linear values · output": 3 * 2 * 9,
            "positive scaling hidden units": 2 * 8,
            "scaling norm gains": 7 * 6,
            "translation distances": 2 * 2,
            "scale invariance streams": 1,
            "orthogonal streams": 15,
        },
        groups=(
            "2 permutation 8, permutation 6, 3 permutation 2, sign 6, 2 positive_scaling 8, 7 scaling 6, "
            "scale_invariance 1, orthogonal 6, 6 general_linear 3 x2"
        ),
    ),
    "cross-attention decoder": Architecture(
        Translator,
        lambda n: (2 * torch.randn(n, 4, 7).double(), 2 * torch.randn(n, 5, 6).double()),
        {
            "general linear queries · keys": 2 * 2 * 9,
            "general linear values · output": 2 * 2 * 9,
            "translation key bias": 2 * 6,
            "translation value bias → output bias": 2 * 6,
            "scaling norm gains": 4 * 6,
            "translation norm shifts → biases of the readers": 4 * 6,
            "translation writers along the mean": 8 + 7 + 7 + 9,
            "translation readers along 1/γ": 18 + 6 + 8 + 7,
            "scale invariance stream": 1,
            "orthogonal centred stream": 10,
        },
        groups=(
            "permutation 8, permutation 6, 2 permutation 2, sign 1, 4 scaling 6, scale_invariance 1, "
            "orthogonal 5, 4 general_linear 3 x2"
        ),
    ),
    "Perceiver": Architecture(
        Perceiver,
        gaussian(6, 6),
        {
            "general linear queries · keys": 16,
            "general linear values · output": 16,
            "scaling norm gains": 3 * 5,
            "translation norm shifts → biases of the readers": 2 * 5,
            "translation writers along the mean": 3 + 5 + 7,
            "translation readers along 1/γ": 6 + 6,
            "general linear shear of the first norm and the queries along the mean": 5,
            "scale invariance stream": 1,
            "orthogonal centred stream": 6,
        },
        groups=(
            "permutation 6, permutation 5, sign 1, 3 scaling 5, scale_invariance 1, orthogonal 4, 2 "
            "general_linear 4"
        ),
        missing={
            "shear: W + v(1/γ)ᵀ and β + δ with Wδ + v Σ(β + δ)/γ = 0, as the queries have no bias": 5,
        },
    ),
    "nn.MultiheadAttention": Architecture(
        MultiQuery,
        gaussian(5, 6),
        {
            "general linear queries · keys": 2 * 9,
            "general linear values · output": 2 * 9,
            "translation key bias": 6,
            "translation value bias → output bias": 6,
        },
        groups="permutation 6, permutation 2, sign 6, 2 general_linear 3 x2",
    ),
}
