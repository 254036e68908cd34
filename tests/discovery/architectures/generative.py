"""Models that make images or samples."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian
from .convolution import Batches
from .language import BidirectionalAttention


class DiT(nn.Module):
    """Norms without gains; what the condition says scales, shifts and gates instead (arXiv 2212.09748)."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.condition = nn.Linear(7, 6), nn.Linear(4, 7)
        self.norm1, self.norm2, self.norm = (nn.LayerNorm(6, elementwise_affine=False) for _ in range(3))
        self.modulation, self.last = nn.Linear(7, 36), nn.Linear(7, 12)
        self.attention = BidirectionalAttention(6, 2)
        self.up, self.down, self.head = nn.Linear(6, 8), nn.Linear(8, 6), nn.Linear(6, 7)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        condition = functional.silu(self.condition(condition))[:, None]
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(condition).chunk(6, dim=-1)
        shift, scale = self.last(condition).chunk(2, dim=-1)
        x = self.embed(x)
        x = x + gate1 * self.attention(self.norm1(x) * (1 + scale1) + shift1)
        h = self.norm2(x) * (1 + scale2) + shift2
        x = x + gate2 * self.down(functional.gelu(self.up(h), approximate="tanh"))
        return self.head(self.norm(x) * (1 + scale) + shift)


class VAE(nn.Module):
    """Encode, draw, decode; the reconstruction alone comes out."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.mean, self.log_variance = nn.Linear(7, 9), nn.Linear(9, 3), nn.Linear(9, 3)
        self.decoder, self.out = nn.Linear(3, 8), nn.Linear(8, 7)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.encoder(x).relu()
        mean, log_variance = self.mean(hidden), self.log_variance(hidden)
        latent = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.out(self.decoder(latent).relu())


class Generator(nn.Module):
    """Transposed convolutions from a vector to an image (DCGAN)."""

    def __init__(self) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.ConvTranspose2d(5, 6, 2, bias=False), nn.BatchNorm2d(6), nn.ReLU())
        self.body = nn.Sequential(nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.leave = nn.Sequential(nn.ConvTranspose2d(4, 2, 3, 1, 1), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        return self.leave(self.body(self.enter(z[:, :, None, None])))


class Coupling(nn.Module):
    """Half of the numbers says how the other half is stretched and shifted (RealNVP)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.stretch, self.shift = nn.Linear(3, 8), nn.Linear(8, 3), nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        one, two = x.chunk(2, dim=-1)
        hidden = self.hidden(one).relu()
        return torch.cat([two * self.stretch(hidden).tanh().exp() + self.shift(hidden), one], dim=-1)


ARCHITECTURES = {
    "DiT": Architecture(
        DiT,
        lambda n: (2 * torch.randn(n, 4, 7).double(), 2 * torch.randn(n, 4).double()),
        {
            "general linear queries · keys": 2 * 9,
            "general linear values · output": 2 * 9,
            "translation key bias": 6,
            "translation value bias → output bias": 6,
            "scaling one plus a scale": 3 * 6,
            "translation shift biases → biases of the readers": 3 * 6,
            "scaling branches ↔ gates": 2 * 6,
            "translation embedding along the mean": 8,
            "scale invariance stream": 1,
        },
        groups=(
            "permutation 8, permutation 7, permutation 6, permutation 2, sign 1, 5 scaling 6, "
            "scale_invariance 1, 2 general_linear 3 x2"
        ),
    ),
    "VAE": Architecture(
        VAE,
        gaussian(7),
        {
            "positive scaling hidden units": 9 + 8,
            "scaling latent": 3,
            "translation mean bias → decoder bias": 3,
        },
        groups=(
            "permutation 9, permutation 8, permutation 3, sign 3, positive_scaling 9, positive_scaling 8, "
            "positive_scaling 3"
        ),
    ),
    "GAN generator": Architecture(
        lambda: Batches(Generator()),
        gaussian(5),
        {"scale invariance convolutions": 6 + 4, "positive scaling hidden channels": 6 + 4},
        seed=4,
        groups="permutation 6, permutation 4, sign 6, sign 4, 2 positive_scaling 6, 2 positive_scaling 4",
    ),
    "normalising flow": Architecture(
        lambda: nn.Sequential(Coupling(), Coupling(), Coupling()),
        gaussian(6),
        {"positive scaling hidden units": 3 * 8},
        groups="3 permutation 8, 3 positive_scaling 8",
    ),
}
