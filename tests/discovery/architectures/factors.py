"""Thin layers in place of thick ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian


class LoRA(nn.Module):
    """A frozen layer plus a trained product of two thin ones (arXiv 2106.09685)."""

    def __init__(self, inner: int, outer: int, rank: int) -> None:
        super().__init__()
        self.base = nn.Linear(inner, outer).requires_grad_(False)
        self.a, self.b = nn.Parameter(torch.randn(rank, inner)), nn.Parameter(torch.zeros(outer, rank))
        self.scale = 2 / rank

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + (x @ self.a.T @ self.b.T) * self.scale


class Adapter(nn.Module):
    """A frozen layer with a trained bottleneck around it (arXiv 1902.00751)."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(9, 8).requires_grad_(False)
        self.norm = nn.LayerNorm(8).requires_grad_(False)
        self.down, self.up = nn.Linear(8, 5), nn.Linear(5, 8)
        self.head = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        x = self.base(x)
        return self.head(self.norm(x + self.up(self.down(x).relu())).tanh())


class MatrixFactorisation(nn.Module):
    """Users times items, with a bias for each and one for all."""

    def __init__(self) -> None:
        super().__init__()
        self.user, self.item = nn.Embedding(9, 3), nn.Embedding(10, 3)
        self.user_bias, self.item_bias = nn.Embedding(9, 1), nn.Embedding(10, 1)
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, user: Tensor, item: Tensor) -> Tensor:
        score = (self.user(user) * self.item(item)).sum(-1)
        return score + self.user_bias(user).squeeze(-1) + self.item_bias(item).squeeze(-1) + self.bias


ARCHITECTURES = {
    "LoRA": Architecture(
        lambda: nn.Sequential(LoRA(7, 9, 3), nn.ReLU(), LoRA(9, 5, 2)),
        gaussian(7),
        {"general linear rank": 9 + 4},
        groups="general_linear 3, general_linear 2",
    ),
    "adapter": Architecture(
        Adapter,
        gaussian(9),
        {"positive scaling bottleneck": 5, "translation writers along the mean": 5 + 1},
        groups="permutation 5, positive_scaling 5",
    ),
    "matrix factorisation": Architecture(
        MatrixFactorisation,
        lambda n: (torch.randint(9, (n,)), torch.randint(10, (n,))),
        {"general linear factors": 9, "translation biases": 2, "translation factors → biases": 2 * 3},
        groups="general_linear 3",
        missing={
            "users + v, item biases − items · v, and the other way round: a shift through a product": 6,
        },
    ),
}
