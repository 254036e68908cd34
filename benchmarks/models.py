"""Ordinary models in plain torch, to inspect and to time."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def relu_mlp() -> nn.Module:
    """Two hidden layers of ReLU units."""
    return nn.Sequential(nn.Linear(5, 9), nn.ReLU(), nn.Linear(9, 6), nn.ReLU(), nn.Linear(6, 3))


def tanh_mlp() -> nn.Module:
    """Two hidden layers of tanh units."""
    return nn.Sequential(nn.Linear(5, 9), nn.Tanh(), nn.Linear(9, 6), nn.Tanh(), nn.Linear(6, 3))


def gelu_mlp() -> nn.Module:
    """Two hidden layers of GELU units."""
    return nn.Sequential(nn.Linear(5, 9), nn.GELU(), nn.Linear(9, 6), nn.GELU(), nn.Linear(6, 3))


def linear_linear_relu() -> nn.Module:
    """A linear layer straight behind another one."""
    return nn.Sequential(nn.Linear(12, 5), nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))


def demo_mlp() -> nn.Module:
    """The network of the demo."""
    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


class VAE(nn.Module):
    """A variational autoencoder; puts out the reconstruction, the mean and the log-variance."""

    def __init__(self, size: int = 12, hidden: int = 10, latent: int = 3) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(size, hidden), nn.ReLU())
        self.head = nn.Linear(hidden, 2 * latent)
        self.decoder = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, size))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, draw, decode."""
        mean, log_variance = self.head(self.encoder(x)).chunk(2, dim=-1)
        latent = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
        return self.decoder(latent), mean, log_variance


class BasicBlock(nn.Module):
    """Two convolutions and a shortcut (He et al., arXiv 1512.03385)."""

    def __init__(self, inner: int, outer: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outer)
        self.conv2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outer)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut: nn.Module | None = None
        if stride != 1 or inner != outer:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        """Add the shortcut in place, as published."""
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += x if self.shortcut is None else self.shortcut(x)
        return self.relu(out)


class ResNet(nn.Module):
    """A residual network of basic blocks."""

    def __init__(
        self,
        width: int,
        blocks: tuple[int, ...],
        classes: int,
        conv1: nn.Module,
        pool: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.conv1 = conv1
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.Identity() if pool is None else pool
        layers: list[nn.Module] = []
        inner = width
        for stage, count in enumerate(blocks):
            for block in range(count):
                outer = width * 2**stage
                layers.append(BasicBlock(inner, outer, 2 if stage and not block else 1))
                inner = outer
        self.layers = nn.Sequential(*layers)
        self.fc = nn.Linear(inner, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Classify images."""
        x = self.layers(self.pool(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(torch.flatten(functional.adaptive_avg_pool2d(x, 1), 1))


def resnet18(classes: int = 1000) -> nn.Module:
    """ResNet-18 for images of 224 × 224."""
    return ResNet(64, (2, 2, 2, 2), classes, nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1))


def resnet18_cifar() -> nn.Module:
    """ResNet-18 for images of 32 × 32."""
    return ResNet(64, (2, 2, 2, 2), 10, nn.Conv2d(3, 64, 3, 1, 1, bias=False))


def tiny_resnet() -> nn.Module:
    """The same architecture with about 1,400 parameters."""
    return ResNet(4, (1, 1), 5, nn.Conv2d(3, 4, 3, 1, 1, bias=False))
