"""Down and up again."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian


class UNet(nn.Module):
    """Down and up again, with a skip; GroupNorm and SiLU."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.norm1 = nn.Conv2d(2, 4, 3, padding=1), nn.GroupNorm(2, 4)
        self.down, self.norm2 = nn.Conv2d(4, 6, 3, padding=1), nn.GroupNorm(2, 6)
        self.up = nn.ConvTranspose2d(6, 4, 2, 2)
        self.join, self.norm3 = nn.Conv2d(8, 4, 3, padding=1), nn.GroupNorm(2, 4)
        self.leave = nn.Conv2d(4, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        high = functional.silu(self.norm1(self.enter(x)))
        low = functional.silu(self.norm2(self.down(functional.max_pool2d(high, 2))))
        x = torch.cat([high, self.up(low)], dim=1)
        return self.leave(functional.silu(self.norm3(self.join(x))))


def waves(time: Tensor, width: int) -> Tensor:
    """Sines and cosines of a time."""
    angles = time[:, None] * torch.exp(
        -math.log(20.0) * torch.arange(width // 2, device=time.device) / (width // 2)
    )
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


class TimedBlock(nn.Module):
    """A residual block that is told the time."""

    def __init__(self, width: int, time: int) -> None:
        super().__init__()
        self.norm1, self.one = nn.GroupNorm(2, width), nn.Conv2d(width, width, 3, padding=1)
        self.time = nn.Linear(time, width)
        self.norm2, self.two = nn.GroupNorm(2, width), nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        h = self.one(functional.silu(self.norm1(x))) + self.time(functional.silu(time))[:, :, None, None]
        return x + self.two(functional.silu(self.norm2(h)))


class Diffusion(nn.Module):
    """A U-Net that is told the time."""

    def __init__(self) -> None:
        super().__init__()
        self.time = nn.Sequential(nn.Linear(8, 6), nn.SiLU(), nn.Linear(6, 6))
        self.enter, self.leave = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 2, 3, padding=1)
        self.high, self.low = TimedBlock(4, 6), TimedBlock(4, 6)
        self.norm = nn.GroupNorm(2, 4)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        time = self.time(waves(time, 8))
        high = self.high(self.enter(x), time)
        low = self.low(functional.avg_pool2d(high, 2), time)
        x = high + functional.interpolate(low, scale_factor=2.0, mode="nearest")
        return self.leave(functional.silu(self.norm(x)))


ARCHITECTURES = {
    "U-Net": Architecture(
        UNet,
        gaussian(2, 6, 6),
        {
            "scale invariance groups": 3 * 2,
            "translation biases of a group": 3 * 2,
            "general linear upsampled channels": 16,
        },
        outputs=1.5,
        groups=(
            "permutation 3 x2, 3 permutation 2, 2 permutation 2 x2, 3 sign 2, 3 positive_scaling 2, "
            "general_linear 4"
        ),
    ),
    "diffusion U-Net": Architecture(
        Diffusion,
        lambda n: (2 * torch.randn(n, 2, 6, 6).double(), 1000 * torch.rand(n).double()),
        {
            "translation time bias → convolution bias": 2 * 4,
            "translation time in all channels of a group": 2 * 2 * (6 + 1),
            "translation stream in all channels of a group": 3 * 2,
            "scale invariance hidden groups": 2 * 2,
            "scale invariance groups of the stream": 2,
        },
        outputs=4,
        groups="2 permutation 6, 3 permutation 2, 3 permutation 2 x2, 3 sign 2, 3 positive_scaling 2",
    ),
}
