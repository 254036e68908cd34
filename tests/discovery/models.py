"""Modules from which the small models of the tests are made."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VAE(nn.Module):
    """A ReLU encoder, a Gaussian latent, a ReLU decoder; ``out`` chooses what the model puts out."""

    def __init__(self, out: str = "all") -> None:
        super().__init__()
        self.out = out
        self.enc = nn.Linear(4, 6)
        self.mu, self.logvar = nn.Linear(6, 3), nn.Linear(6, 3)
        self.dec, self.recon = nn.Linear(3, 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        hidden = self.enc(x).relu()
        mu, logvar = self.mu(hidden), self.logvar(hidden)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu)
        recon = self.recon(self.dec(z).relu())
        if self.out == "recon":
            return recon
        if self.out == "loss":
            divergence = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum()
            return nn.functional.mse_loss(recon, x, reduction="sum") + divergence
        return recon, mu, logvar


class BasicBlock(nn.Module):
    """A residual block of two convolutions, with a shortcut of its own where the shape changes."""

    def __init__(self, inner: int, outer: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inner, outer, 3, stride, 1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(outer), nn.ReLU(inplace=True)
        self.conv2, self.bn2 = nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or inner != outer:
            self.downsample = nn.Sequential(
                nn.Conv2d(inner, outer, 1, stride, bias=False), nn.BatchNorm2d(outer)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        out += self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """A stem, one plain block, one with a downsampling shortcut, global average pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.relu = nn.ReLU(inplace=True)
        self.layer1, self.layer2 = BasicBlock(4, 4), BasicBlock(4, 5, 2)
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d(1), nn.Linear(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.layer2(self.layer1(self.relu(self.bn1(self.conv1(x)))))
        return self.fc(self.avgpool(x).flatten(1))


class DenseNet(nn.Module):
    """Every layer reads everything before it."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.head = nn.Linear(4, 3), nn.Linear(7, 5), nn.Linear(12, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.cat([x, self.a(x).relu()], 1)
        x = torch.cat([x, self.b(x).relu()], 1)
        return self.head(x)


class Chunked(nn.Module):
    """One packed layer whose parts take different ways."""

    def __init__(self) -> None:
        super().__init__()
        self.packed, self.one, self.two = nn.Linear(4, 9), nn.Linear(3, 2), nn.Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        one, two = self.packed(x).split([3, 6], dim=-1)
        return self.one(one.relu()) + self.two(two.tanh())


class Singles(nn.Module):
    """Two units, each with a function of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x[:, :1].tanh(), x[:, 1:].sigmoid()], 1)


class Shuffle(nn.Module):
    """A grouped convolution, a channel shuffle, another grouped convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1, groups=2)
        self.head = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x).relu()
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
        return self.head(self.b(x).relu().mean((2, 3)))


class InvertedResidual(nn.Module):
    """MobileNetV2: expansion, depthwise, linear bottleneck, residual."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 2, 1, bias=False), nn.BatchNorm2d(2)
        self.body = nn.Sequential(
            nn.Conv2d(2, 4, 1, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 3, padding=1, groups=4, bias=False),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 2, 1, bias=False),
            nn.BatchNorm2d(2),
        )
        self.top, self.last, self.head = nn.Conv2d(2, 5, 1, bias=False), nn.BatchNorm2d(5), nn.Linear(5, 6)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.stem(x))
        x = x + self.body(x)
        return self.head(self.last(self.top(x)).relu().mean((2, 3)))


class Batches(InvertedResidual):
    """The same on two batches: within one, mixing the channels of the bottleneck passes for a symmetry."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([super(Batches, self).forward(part) for part in x.chunk(2)])


class SwiGLU(nn.Module):
    """Gate, up, down; without biases."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.up = (nn.Linear(4, 5, bias=False) for _ in range(2))
        self.down = nn.Linear(5, 3, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(nn.functional.silu(self.gate(x)) * self.up(x))


class TiedAutoencoder(nn.Module):
    """The decoder is the encoder's transpose."""

    def __init__(self, function: nn.Module) -> None:
        super().__init__()
        self.encode, self.function, self.shift = nn.Linear(4, 6), function, nn.Parameter(torch.zeros(4))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.encode(x)) @ self.encode.weight + self.shift


class Twice(nn.Module):
    """One hidden layer called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.again, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.again(self.again(self.first(x).relu()).relu()).relu())


class Gated(nn.Module):
    """A scalar times a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.weight = nn.Parameter(torch.ones(())), nn.Parameter(torch.randn(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.gate * self.weight).T


class Hadamard(nn.Module):
    """A weight that is the product of two, entry by entry."""

    def __init__(self) -> None:
        super().__init__()
        self.u, self.v = nn.Parameter(torch.randn(3, 4)), nn.Parameter(torch.randn(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        return x @ (self.u * self.v).T


class Pooled(nn.Module):
    """Tokens through a hidden layer, then their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.token, self.head = nn.Linear(4, 5), nn.Linear(5, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.token(x).relu().mean(1))


class Positioned(nn.Module):
    """A table of positions is added in front of a batch normalisation."""

    def __init__(self) -> None:
        super().__init__()
        self.position, self.norm = nn.Parameter(torch.randn(3, 2, 2)), nn.BatchNorm2d(3)
        self.head = nn.Conv2d(3, 2, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x + self.position).relu())
