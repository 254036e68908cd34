"""Mixtures of experts."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ._architecture import Architecture, gaussian


class TopExperts(nn.Module):
    """All experts in two tensors; a softmax over all picks two for every token."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 4, bias=False)
        self.gate_up, self.down = nn.Parameter(torch.randn(4, 6, 10)), nn.Parameter(torch.randn(4, 5, 6))

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.router(x).softmax(-1).topk(2, dim=-1)
        gate, up = torch.einsum("bd,edf->bef", x, self.gate_up).chunk(2, dim=-1)
        out = torch.einsum("bef,efd->bed", functional.silu(gate) * up, self.down)
        picked = out.gather(1, chosen.unsqueeze(-1).expand(-1, -1, out.shape[-1]))
        return (weights.unsqueeze(-1) * picked).sum(1)


class RenormalisedExperts(TopExperts):
    """The two chosen share a softmax of their own (Mixtral)."""

    def forward(self, x: Tensor) -> Tensor:
        scores, chosen = self.router(x).topk(2, dim=-1)
        weights = torch.zeros_like(self.router(x)).scatter(-1, chosen, scores.softmax(-1))
        gate, up = torch.einsum("bd,edf->ebf", x, self.gate_up).chunk(2, dim=-1)
        return torch.einsum("be,ebd->bd", weights, torch.bmm(functional.silu(gate) * up, self.down))


class Looped(nn.Module):
    """Experts as modules, each run on the tokens that chose it."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 3)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 7), nn.ReLU(), nn.Linear(7, 6)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        weights = self.router(x).softmax(-1)
        best = weights.argmax(-1, keepdim=True)
        out = torch.zeros_like(x)
        for i, expert in enumerate(self.experts):
            out = out + torch.where(best == i, weights[:, i : i + 1] * expert(x), 0.0)
        return out


class SoftExperts(nn.Module):
    """Every expert, weighed by a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(5, 3)
        self.up, self.shift = nn.Parameter(torch.randn(3, 5, 8)), nn.Parameter(torch.zeros(3, 8))
        self.down, self.bias = nn.Parameter(torch.randn(3, 8, 4)), nn.Parameter(torch.zeros(3, 4))
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = (torch.einsum("bd,edf->bef", x, self.up) + self.shift).relu()
        out = torch.einsum("bef,efo->beo", hidden, self.down) + self.bias
        return self.head((self.router(x).softmax(-1).unsqueeze(-1) * out).sum(1))


ARCHITECTURES = {
    "top experts": Architecture(
        TopExperts,
        gaussian(6),
        {"scaling gates": 4 * 5, "translation router rows": 6},
        groups="permutation 5 x4, permutation 4, scaling 5 x4",
    ),
    "top experts, renormalised": Architecture(
        RenormalisedExperts,
        gaussian(6),
        {"scaling gates": 4 * 5, "translation router rows": 6},
        groups="permutation 5 x4, permutation 4, scaling 5 x4",
    ),
    "switched experts": Architecture(
        Looped,
        gaussian(6),
        {"positive scaling hidden units": 3 * 7, "translation router rows and bias": 7},
        seed=1,
        outputs=4,
        groups="3 permutation 7, 3 positive_scaling 7",
    ),
    "soft experts": Architecture(
        SoftExperts,
        gaussian(5),
        {
            "positive scaling hidden units": 3 * 8,
            "translation router rows and bias": 6,
            "general linear sum": 16,
            "translation expert biases → head bias": 4,
        },
        groups="permutation 8 x3, permutation 3, positive_scaling 8 x3, general_linear 4",
    ),
}
