"""Networks on graphs."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian


def ring(size: int) -> Tensor:
    """A ring with a chord and loops."""
    adjacency = torch.eye(size) + torch.eye(size).roll(1, 0) + torch.eye(size).roll(1, 1)
    adjacency[0, 2] = adjacency[2, 0] = 1
    return adjacency


class GraphConvolution(nn.Module):
    """Two layers over one graph (arXiv 1609.02907)."""

    def __init__(self) -> None:
        super().__init__()
        scale = ring(5).sum(1).rsqrt()
        self.register_buffer("adjacency", scale[:, None] * ring(5) * scale)
        self.one, self.two, self.head = (
            nn.Linear(4, 8, bias=False),
            nn.Linear(8, 6, bias=False),
            nn.Linear(6, 5),
        )
        self.bias1, self.bias2 = nn.Parameter(torch.zeros(8)), nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor) -> Tensor:
        x = (self.adjacency @ self.one(x) + self.bias1).relu()
        return self.head((self.adjacency @ self.two(x) + self.bias2).relu())


class GraphAttention(nn.Module):
    """Neighbours are weighed by what both ends say (arXiv 1710.10903)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("absent", ring(5) == 0)
        self.weight, self.head = nn.Linear(4, 6, bias=False), nn.Linear(6, 6)
        self.source, self.target = nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(2, 3))
        self.bias = nn.Parameter(torch.zeros(6))

    def forward(self, x: Tensor) -> Tensor:
        h = self.weight(x).unflatten(-1, (2, 3))
        scores = (h * self.target).sum(-1)[:, :, None] + (h * self.source).sum(-1)[:, None]
        scores = functional.leaky_relu(scores, 0.2).masked_fill(self.absent[..., None], float("-inf"))
        h = torch.einsum("bijh,bjhc->bihc", scores.softmax(2), h).flatten(2)
        return self.head((h + self.bias).relu())


class MessagePassing(nn.Module):
    """Edges listed, messages summed where they arrive, sums again over the graph (GIN)."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("edges", ring(5).nonzero().T)
        self.itself = nn.Parameter(torch.zeros(()))
        self.update = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6), nn.ReLU())
        self.head = nn.Linear(6, 5)

    def forward(self, x: Tensor) -> Tensor:
        source, target = self.edges
        arrived = torch.zeros_like(x).index_add(1, target, x[:, source])
        return self.head(self.update((1 + self.itself) * x + arrived).sum(1))


ARCHITECTURES = {
    "graph convolution": Architecture(
        GraphConvolution,
        gaussian(5, 4),
        {"positive scaling hidden channels": 8 + 6},
        seed=3,
        groups="permutation 8, permutation 6, sign 1, positive_scaling 8, positive_scaling 6",
    ),
    "graph attention": Architecture(
        GraphAttention,
        gaussian(5, 4),
        {"positive scaling channels": 6},
        groups="permutation 3 x2, permutation 2, positive_scaling 3 x2",
    ),
    "message passing": Architecture(
        MessagePassing,
        gaussian(5, 4),
        {"positive scaling hidden channels": 8 + 6},
        groups="permutation 8, permutation 6, positive_scaling 8, positive_scaling 6",
    ),
}
