"""Attention within windows."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian


class WindowAttention(nn.Module):
    """Windows of 2 × 2, in the second block shifted by one; a table of offsets biases the scores."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.shift = shift
        self.qkv, self.out = nn.Linear(6, 18), nn.Linear(6, 6)
        self.table = nn.Parameter(torch.zeros(9, 2))
        place = torch.cartesian_prod(torch.arange(2), torch.arange(2))
        offset = place[:, None] - place + 1
        self.register_buffer("index", 3 * offset[..., 0] + offset[..., 1])

    def forward(self, x: Tensor) -> Tensor:
        x = x.roll((-self.shift, -self.shift), (1, 2))
        batch, height, width, _ = x.shape
        x = x.view(batch, height // 2, 2, width // 2, 2, 6).permute(0, 1, 3, 2, 4, 5).reshape(-1, 4, 6)
        q, k, v = self.qkv(x).view(-1, 4, 3, 2, 3).permute(2, 0, 3, 1, 4).unbind(0)
        bias = self.table[self.index.view(-1)].view(4, 4, 2).permute(2, 0, 1)
        x = (q * 3**-0.5 @ k.transpose(-2, -1) + bias).softmax(-1) @ v
        x = self.out(x.transpose(1, 2).reshape(-1, 4, 6))
        x = (
            x.view(batch, height // 2, width // 2, 2, 2, 6)
            .permute(0, 1, 3, 2, 4, 5)
            .reshape(batch, height, width, 6)
        )
        return x.roll((self.shift, self.shift), (1, 2))


class SwinBlock(nn.Module):
    """A pre-norm block of window attention."""

    def __init__(self, shift: int) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = nn.LayerNorm(6), WindowAttention(shift), nn.LayerNorm(6)
        self.mlp = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Swin(nn.Module):
    """Two blocks and a head for every position (arXiv 2103.14030)."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.blocks = nn.Conv2d(7, 6, 1), nn.Sequential(SwinBlock(0), SwinBlock(1))
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.blocks(self.patch(x).permute(0, 2, 3, 1))
        return self.head(self.norm(x))


ARCHITECTURES = {
    "Swin": Architecture(
        Swin,
        gaussian(7, 4, 4),
        {
            "general linear queries · keys": 2 * 2 * 9,
            "general linear values · output": 2 * 2 * 9,
            "translation key bias": 2 * 6,
            "translation value bias → output bias": 2 * 6,
            "translation tables of offsets": 2 * 2,
            "scaling norm gains": 5 * 6,
            "translation norm shifts → biases of the readers": 5 * 6,
            "translation writers along the mean": 8 + 2 * (7 + 9),
            "translation readers along 1/γ": 2 * (18 + 8) + 7,
            "scale invariance stream": 1,
            "orthogonal centred stream": 10,
        },
        groups=(
            "2 permutation 8, permutation 6, 2 permutation 2, sign 1, 5 scaling 6, scale_invariance 1, "
            "orthogonal 5, 4 general_linear 3 x2"
        ),
    ),
}
