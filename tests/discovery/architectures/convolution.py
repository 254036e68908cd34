"""Convolutional classifiers, normalised over the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian


class Batches(nn.Module):
    """A model on each half of a batch: what one batch's statistics hide, two show."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.model(part) for part in x.chunk(2)])


def conv_norm(inner: int, outer: int, size: int = 3, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution without bias, then BatchNorm."""
    conv = nn.Conv2d(inner, outer, size, stride, size // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outer))


class Classifier(nn.Module):
    """A body, the mean over positions, a linear head."""

    def __init__(self, body: nn.Module, width: int, classes: int) -> None:
        super().__init__()
        self.body, self.head = body, nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x).mean((2, 3)))


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.one, self.two = conv_norm(inner, outer, 3, stride), conv_norm(outer, outer)
        self.shortcut = nn.Identity() if inner == outer else conv_norm(inner, outer, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        out = self.two(self.one(x).relu_())
        out += self.shortcut(x)
        return out.relu_()


class Bottleneck(nn.Module):
    """ResNeXt: a grouped convolution between two pointwise ones."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two, self.three = conv_norm(5, 6, 1), conv_norm(6, 6, 3, groups=2), conv_norm(6, 5, 1)

    def forward(self, x: Tensor) -> Tensor:
        return (x + self.three(self.two(self.one(x).relu()).relu())).relu()


class DenseLayer(nn.Module):
    """Norm, ReLU, convolution; the result joins what it read."""

    def __init__(self, inner: int, growth: int) -> None:
        super().__init__()
        self.norm, self.conv = nn.BatchNorm2d(inner), nn.Conv2d(inner, growth, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x, self.conv(self.norm(x).relu())], dim=1)


ARCHITECTURES = {
    "ResNet": Architecture(
        lambda: Batches(
            Classifier(nn.Sequential(conv_norm(2, 3), nn.ReLU(), BasicBlock(3, 3), BasicBlock(3, 4, 2)), 4, 5)
        ),
        gaussian(2, 5, 5),
        {
            "scale invariance convolutions": 3 + 3 + 3 + 4 + 4 + 4,
            "positive scaling hidden channels": 3 + 4,
            "positive scaling streams": 3 + 4,
            "translation shortcut shift ↔ branch shift": 4,
        },
        outputs=2,
        groups=(
            "2 permutation 4, 2 permutation 3, 3 sign 4, 3 sign 3, 5 positive_scaling 4, 5 positive_scaling 3"
        ),
    ),
    "ResNeXt": Architecture(
        lambda: Batches(Classifier(nn.Sequential(conv_norm(3, 5), nn.ReLU(), Bottleneck()), 5, 6)),
        gaussian(3, 5, 5),
        {
            "scale invariance convolutions": 5 + 6 + 6 + 5,
            "positive scaling hidden channels": 6 + 6,
            "positive scaling stream": 5,
        },
        outputs=1.5,
        groups=(
            "permutation 5, 2 permutation 3 x2, permutation 2, 2 sign 5, 2 sign 3 x2, 3 positive_scaling "
            "5, 4 positive_scaling 3 x2"
        ),
    ),
    "DenseNet": Architecture(
        lambda: Batches(
            Classifier(
                nn.Sequential(
                    nn.Conv2d(3, 4, 3, padding=1, bias=False),
                    DenseLayer(4, 2),
                    DenseLayer(6, 2),
                    nn.BatchNorm2d(8),
                    nn.ReLU(),
                ),
                8,
                6,
            )
        ),
        gaussian(3, 5, 5),
        {
            "scale invariance convolutions": 4 + 2 + 2,
            "positive scaling norm gains": 4 + 6 + 8,
        },
        outputs=1.5,
        groups=(
            "permutation 4, 2 permutation 2, sign 4, 2 sign 2, positive_scaling 8, positive_scaling 6, 2 "
            "positive_scaling 4, 2 positive_scaling 2"
        ),
    ),
}
