"""Networks used more than once, side by side, or written by another one."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian


class Siamese(nn.Module):
    """One encoder called twice; the squared difference is weighed."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 5))
        self.head = nn.Linear(5, 4)

    def forward(self, one: Tensor, other: Tensor) -> Tensor:
        return self.head((self.encoder(one) - self.encoder(other)).square())


class TwoTowers(nn.Module):
    """Two encoders, compared by the cosine of what they put out, times a temperature (CLIP)."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 4, bias=False))
        self.text = nn.Sequential(nn.Linear(5, 8), nn.GELU(), nn.Linear(8, 4, bias=False))
        self.temperature = nn.Parameter(torch.zeros(()))

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        image, text = self.image(image), self.text(text)
        image = image / image.norm(dim=-1, keepdim=True)
        text = text / text.norm(dim=-1, keepdim=True)
        return self.temperature.exp() * image @ text.T


class DeepSets(nn.Module):
    """A function of every element, their sum, a function of it (arXiv 1703.06114)."""

    def __init__(self) -> None:
        super().__init__()
        self.element = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 5))
        self.whole = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))

    def forward(self, x: Tensor) -> Tensor:
        return self.whole(self.element(x).sum(1))


class Hypernetwork(nn.Module):
    """One network writes the weights of another."""

    def __init__(self) -> None:
        super().__init__()
        self.condition = nn.Sequential(nn.Linear(3, 6), nn.Tanh())
        self.weight, self.bias = nn.Linear(6, 7 * 5), nn.Linear(6, 7)
        self.head = nn.Linear(7, 4)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        condition = self.condition(condition)
        weight, bias = self.weight(condition).view(-1, 7, 5), self.bias(condition)
        hidden = torch.bmm(weight, x.unsqueeze(-1)).squeeze(-1) + bias
        return self.head(hidden.relu())


class Ensemble(nn.Module):
    """Three networks in one tensor of weights, their outputs summed."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.shift = nn.Parameter(torch.randn(3, 5, 6)), nn.Parameter(torch.zeros(3, 6))
        self.last, self.bias = nn.Parameter(torch.randn(3, 6, 4)), nn.Parameter(torch.zeros(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.einsum("bi,eih->beh", x, self.first) + self.shift
        return (torch.einsum("beh,eho->beo", hidden.relu(), self.last) + self.bias).sum(1)


class Branches(nn.Module):
    """The same with modules of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.branches = nn.ModuleList(
            nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 4)) for _ in range(3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([branch(x) for branch in self.branches]).sum(0)


ARCHITECTURES = {
    "Siamese network": Architecture(
        Siamese,
        lambda n: (2 * torch.randn(n, 6).double(), 2 * torch.randn(n, 6).double()),
        {
            "positive scaling hidden units": 9,
            "scaling code": 5,
            "translation bias of the code": 5,
        },
        groups="permutation 9, permutation 5, positive_scaling 9, scaling 5",
    ),
    "two towers": Architecture(
        TwoTowers,
        lambda n: (2 * torch.randn(n, 6).double(), 2 * torch.randn(n, 5).double()),
        {
            "scale invariance towers": 2,
            "orthogonal shared space": 6,
        },
        groups="2 permutation 8, 2 positive_scaling 1, orthogonal 4",
    ),
    "deep sets": Architecture(
        DeepSets,
        gaussian(3, 4),
        {
            "positive scaling hidden units": 8 + 7,
            "general linear sum": 25,
            "translation bias → next bias": 5,
        },
        seed=1,
        groups="permutation 8, permutation 7, positive_scaling 8, positive_scaling 7, general_linear 5",
    ),
    "hypernetwork": Architecture(
        Hypernetwork,
        lambda n: (2 * torch.randn(n, 5).double(), 2 * torch.randn(n, 3).double()),
        {"positive scaling written hidden units": 7},
        groups="permutation 7, permutation 6, sign 6, positive_scaling 7",
    ),
    "ensemble, stacked": Architecture(
        Ensemble,
        gaussian(5),
        {"positive scaling hidden units": 3 * 6, "translation among the biases of the sum": 2 * 4},
        groups="permutation 6 x3, permutation 3, positive_scaling 6 x3",
        missing={
            "biases along an axis that is summed": 8,
        },
    ),
    "ensemble, branches": Architecture(
        Branches,
        gaussian(5),
        {"positive scaling hidden units": 3 * 6, "translation among the biases of the sum": 2 * 4},
        groups="3 permutation 6, permutation 3, 3 positive_scaling 6",
    ),
}
