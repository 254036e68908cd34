"""Convolutional classifiers for small machines."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian
from .convolution import Batches, Classifier, conv_norm


class SqueezeExcite(nn.Module):
    """Every channel times a gate that the means of all channels decide."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.down, self.up = nn.Conv2d(width, hidden, 1), nn.Conv2d(hidden, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.up(self.down(x.mean((2, 3), keepdim=True)).relu()).sigmoid()


class InvertedResidual(nn.Module):
    """MobileNetV3: expand, depthwise, squeeze and excite, project linearly, add."""

    def __init__(self) -> None:
        super().__init__()
        self.expand, self.depthwise = conv_norm(3, 6, 1), conv_norm(6, 6, 3, groups=6)
        self.gate, self.project = SqueezeExcite(6, 4), conv_norm(6, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.project(self.gate(self.depthwise(self.expand(x).relu()).relu()))


class ShuffleUnit(nn.Module):
    """ShuffleNetV2: half of the channels pass, the other half is worked on, then both are interleaved."""

    def __init__(self) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            conv_norm(4, 4, 1), nn.ReLU(), conv_norm(4, 4, 3, groups=4), conv_norm(4, 4, 1), nn.ReLU()
        )

    def forward(self, x: Tensor) -> Tensor:
        left, right = x.chunk(2, dim=1)
        x = torch.cat([left, self.branch(right)], dim=1)
        return x.unflatten(1, (2, -1)).transpose(1, 2).flatten(1, 2)


ARCHITECTURES = {
    "MobileNet": Architecture(
        lambda: Batches(
            Classifier(
                nn.Sequential(conv_norm(3, 3), InvertedResidual(), conv_norm(3, 5, 1), nn.ReLU()), 5, 6
            )
        ),
        lambda n: (2 * torch.randn(n, 3, 3, 3).double() * torch.randn(n, 3, 1, 1).double(),),
        {
            "scale invariance convolutions": 3 + 6 + 6 + 3 + 5,
            "positive scaling hidden channels": 6 + 6 + 4 + 5,
            "scaling stream": 3,
            "translation shifts of the stream": 3 + 3,
        },
        seed=2,
        outputs=2,
        groups=(
            "permutation 6, permutation 5, permutation 4, permutation 3, 2 sign 6, sign 5, 2 sign 3, 4 "
            "positive_scaling 6, 2 positive_scaling 5, positive_scaling 4, 2 positive_scaling 3, scaling "
            "3"
        ),
    ),
    "ShuffleNet": Architecture(
        lambda: Batches(
            Classifier(nn.Sequential(conv_norm(2, 8), nn.ReLU(), ShuffleUnit(), ShuffleUnit()), 8, 7)
        ),
        gaussian(2, 5, 5),
        {
            "scale invariance convolutions": 8 + 2 * 3 * 4,
            "positive scaling stem": 8,
            "positive scaling hidden channels": 2 * 4,
            "scaling depthwise channels": 2 * 4,
            "translation depthwise shifts": 2 * 4,
            "positive scaling branch outputs": 2 * 4,
        },
        outputs=1.5,
        groups=(
            "3 permutation 4, 7 permutation 2, 7 sign 4, 2 sign 2, 10 positive_scaling 4, 8 "
            "positive_scaling 2, 2 scaling 4"
        ),
    ),
}
