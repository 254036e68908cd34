"""Images as tokens, and convolutions that look like transformers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian
from .language import BidirectionalAttention


class ScaledBlock(nn.Module):
    """A pre-norm block whose branches end in LayerScale."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attention, self.norm2 = (
            nn.LayerNorm(6),
            BidirectionalAttention(6, 2),
            nn.LayerNorm(6),
        )
        self.up, self.down = nn.Linear(6, 8), nn.Linear(8, 6)
        self.scale1, self.scale2 = nn.Parameter(torch.ones(6)), nn.Parameter(torch.ones(6))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.scale1 * self.attention(self.norm1(x))
        return x + self.scale2 * self.down(functional.gelu(self.up(self.norm2(x))))


class ViT(nn.Module):
    """Patches, a class token, positions; the head reads the class token."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(2, 6, 2, 2)
        self.cls, self.position = nn.Parameter(torch.zeros(1, 1, 6)), nn.Parameter(torch.zeros(1, 5, 6))
        self.blocks = nn.Sequential(ScaledBlock(), ScaledBlock())
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.position
        return self.head(self.norm(self.blocks(x))[:, 0])


class Mixer(nn.Module):
    """Tokens mix within each channel, channels within each token; the head reads the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.patch, self.norm1, self.norm2 = nn.Linear(8, 6), nn.LayerNorm(6), nn.LayerNorm(6)
        self.tokens = nn.Sequential(nn.Linear(4, 5), nn.GELU(), nn.Linear(5, 4))
        self.channels = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 6))
        self.norm, self.head = nn.LayerNorm(6), nn.Linear(6, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(self.norm(x).mean(1))


class ConvNeXtBlock(nn.Module):
    """A depthwise convolution, LayerNorm over channels, an MLP, LayerScale."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.depthwise, self.norm = nn.Conv2d(width, width, 3, padding=1, groups=width), nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.scale = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.depthwise(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.down(functional.gelu(self.up(h)))).permute(0, 3, 1, 2)


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of images."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class ConvNeXt(nn.Module):
    """A stem, two blocks, the mean, a norm, a head."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm0 = nn.Conv2d(2, 5, 2, 2), ChannelNorm(5)
        self.block1, self.block2 = ConvNeXtBlock(5, 7), ConvNeXtBlock(5, 7)
        self.norm, self.head = nn.LayerNorm(5), nn.Linear(5, 7)

    def forward(self, x: Tensor) -> Tensor:
        x = self.block2(self.block1(self.norm0(self.stem(x))))
        return self.head(self.norm(x.mean((2, 3))))


ARCHITECTURES = {
    "ViT": Architecture(
        ViT,
        gaussian(2, 4, 4),
        {
            "general linear queries · keys": 2 * 2 * 9,
            "general linear values · output": 2 * 2 * 9,
            "translation key bias": 2 * 6,
            "translation value bias → output bias": 2 * 6,
            "scaling norm gains": 5 * 6,
            "translation norm shifts → biases of the readers": 5 * 6,
            "scaling branches ↔ LayerScale": 4 * 6,
            "translation class token, patch bias → positions": 2 * 6,
            "translation positions and patches along the mean": 5 + 8,
            "translation writers behind LayerScale along the mean": 2 * (7 + 9),
            "translation readers along 1/γ": 2 * (18 + 8) + 7,
            "scale invariance stream": 1,
            "orthogonal centred stream": 10,
        },
        outputs=2,
        groups=(
            "2 permutation 8, permutation 6, 2 permutation 2, sign 1, 9 scaling 6, scale_invariance 1, "
            "orthogonal 5, 4 general_linear 3 x2"
        ),
    ),
    "MLP-Mixer": Architecture(
        Mixer,
        gaussian(4, 8),
        {
            "scaling norm gains": 2 * 6,
            "translation norm shifts → biases of the readers": 2 * 6,
            "translation token bias, the same in every channel": 4,
            "scaling all gains before the tokens mix": 1,
            "translation all shifts before the tokens mix → bias": 1,
            "translation writers along the mean": 9 + 9,
            "translation readers along 1/γ": 8 + 7,
            "scale invariance stream": 1,
        },
        groups=(
            "permutation 8, permutation 6, permutation 5, sign 1, 2 scaling 6, scaling 1, scale_invariance 1"
        ),
        missing={
            "one shift of all channels through the sum of a row of the tokens' weight": 1,
        },
    ),
    "ConvNeXt": Architecture(
        ConvNeXt,
        gaussian(2, 6, 6),
        {
            "translation stem along the mean": 9,
            "scale invariance stem": 1,
            "scale invariance depthwise": 2,
            "translation depthwise bias along the mean": 2,
            "scaling norm gains": 3 * 5,
            "translation norm shifts → biases of the readers": 3 * 5,
            "scaling branches ↔ LayerScale": 2 * 5,
            "translation readers along 1/γ": 7 + 7 + 7,
            "translation last writer along the mean": 8,
            "scale invariance stream": 1,
        },
        outputs=2,
        groups="2 permutation 7, permutation 5, 4 sign 1, 5 scaling 5, 4 scale_invariance 1",
    ),
}
