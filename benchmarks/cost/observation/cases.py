"""The models that are looked at, each with the batch of its training step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.cost.models import Decoder, VisionTransformer
from benchmarks.models import demo_mlp, resnet18_cifar

BATCH = 32


@dataclass(frozen=True)
class Case:
    """A model, and how to draw a batch for it.

    Attributes:
        title: What it is called in the tables.
        build: Gives the model.
        batch: Gives inputs and the classes that they are to have.
        is_large: Whether it is for accelerators only.
    """

    title: str
    build: Callable[[], nn.Module]
    batch: Callable[[], tuple[Tensor, Tensor]]
    is_large: bool = False

    def fits(self, device: torch.device) -> bool:
        """Whether it is timed on a device unless the user wants it otherwise."""
        return device.type != "cpu" or not self.is_large


def mlp() -> nn.Module:
    """Three hidden layers of 1024 ReLU units."""
    sizes = (784, 1024, 1024, 1024)
    hidden = [m for n, k in pairwise(sizes) for m in (nn.Linear(n, k), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(1024, 10))


def large_decoder() -> nn.Module:
    """A billion weights, as in Llama 3.2 1B but for the vocabulary."""
    return Decoder(blocks=16, width=2048, heads=32, hidden=8192, vocabulary=8192)


def _points(*shape: int) -> Callable[[], tuple[Tensor, Tensor]]:
    return lambda: (torch.randn(BATCH, *shape), torch.randint(10, (BATCH,)))


def _tokens() -> tuple[Tensor, Tensor]:
    return torch.randint(8192, (BATCH, 128)), torch.randint(8192, (BATCH * 128,))


CASES = {
    "demo": Case("the demo's MLP 64-64-64-10", demo_mlp, _points(64)),
    "mlp": Case("MLP 784-1024-1024-1024-10", mlp, _points(784)),
    "resnet18": Case("ResNet-18, 32 × 32", resnet18_cifar, _points(3, 32, 32)),
    "vit": Case("ViT-small, patches of 4, 32 × 32", VisionTransformer, _points(3, 32, 32)),
    "decoder": Case("decoder, 12 blocks of 512, 128 tokens", Decoder, _tokens),
    "large": Case("decoder, 16 blocks of 2048, 128 tokens", large_decoder, _tokens, is_large=True),
}
