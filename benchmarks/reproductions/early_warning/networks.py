"""Small networks that read the 64 pixels of a digit."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn


def relu() -> nn.Module:
    """Return a ReLU network of two hidden layers.

    Returns:
        The network.
    """
    return _perceptron(nn.ReLU)


def tanh() -> nn.Module:
    """Return a tanh network of two hidden layers.

    Returns:
        The network.
    """
    return _perceptron(nn.Tanh)


def linear() -> nn.Module:
    """Return a network of three linear layers without biases.

    Returns:
        The network.
    """
    return nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in ((64, 32), (32, 32), (32, 10))))


def convolutional() -> nn.Module:
    """Return two convolutions with batch normalisation.

    Returns:
        The network.
    """
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


class Transformer(nn.Module):
    """One block of a transformer over the eight rows of a digit."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.place = nn.Parameter(0.1 * torch.randn(8, width))
        self.block = nn.TransformerEncoderLayer(
            width, 4, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Classify images.

        Args:
            images: ``(n, 64)``.

        Returns:
            Logits ``(n, 10)``.
        """
        rows = self.embed(images.unflatten(1, (8, 8))) + self.place
        logits: Tensor = self.head(self.norm(self.block(rows)).mean(dim=1))
        return logits


def _perceptron(activation: Callable[[], nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(64, 64), activation(), nn.Linear(64, 64), activation(), nn.Linear(64, 10))
