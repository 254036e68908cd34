"""Layers on vectors, one after another."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from ._architecture import Architecture, gaussian


def _mlp(function: type[nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(5, 9), function(), nn.Linear(9, 6), function(), nn.Linear(6, 3))


class TiedAutoencoder(nn.Module):
    """The decoder is the encoder's transpose, nothing in between."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.shift = nn.Linear(7, 4), nn.Parameter(torch.zeros(7))

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder(x) @ self.encoder.weight + self.shift


def _weight_normed() -> nn.Module:
    return nn.Sequential(
        parametrizations.weight_norm(nn.Linear(5, 7)),
        nn.ReLU(),
        parametrizations.weight_norm(nn.Linear(7, 6)),
        nn.ReLU(),
        nn.Linear(6, 4),
    )


class WeightNormed(nn.Module):
    """Weight normalisation by hand: a direction and a length for every unit."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.direction, self.length = (
            nn.Parameter(torch.randn(outer, inner)),
            nn.Parameter(torch.ones(outer, 1)),
        )
        self.bias = nn.Parameter(torch.zeros(outer))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.length * self.direction / self.direction.norm(dim=1, keepdim=True)
        return x @ weight.T + self.bias


ARCHITECTURES = {
    "ReLU MLP": Architecture(
        lambda: _mlp(nn.ReLU),
        gaussian(5),
        {"positive scaling hidden units": 9 + 6},
        groups="permutation 9, permutation 6, positive_scaling 9, positive_scaling 6",
    ),
    "tanh MLP": Architecture(
        lambda: _mlp(nn.Tanh), gaussian(5), {}, groups="permutation 9, permutation 6, sign 9, sign 6"
    ),
    "deep linear network": Architecture(
        lambda: nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 4), nn.Linear(4, 5)),
        gaussian(6),
        {"general linear hidden spaces": 2 * 16, "translation bias → next bias": 2 * 4},
        groups="2 general_linear 4",
    ),
    "tied linear autoencoder": Architecture(
        TiedAutoencoder,
        gaussian(7),
        {"orthogonal code": 6, "translation code bias → output bias": 4},
        groups="orthogonal 4",
    ),
    "weight-normed MLP": Architecture(
        _weight_normed,
        gaussian(5),
        {
            "scale invariance directions": 7 + 6,
            "positive scaling units read by a plain layer": 6,
            "positive scaling units read by a normed layer": 7,
        },
        seed=35,
        groups=(
            "permutation 7, permutation 6, sign 7, sign 6, positive_scaling 7, 2 positive_scaling 6, "
            "positive_scaling 1"
        ),
        missing={
            "units read by a normed layer: scaling a column of it changes the lengths of its rows": 6,
        },
    ),
    "weight-normed MLP, by hand": Architecture(
        lambda: nn.Sequential(WeightNormed(5, 7), nn.ReLU(), WeightNormed(7, 6), nn.ReLU(), nn.Linear(6, 4)),
        gaussian(5),
        {
            "scale invariance directions": 7 + 6,
            "positive scaling units read by a plain layer": 6,
            "positive scaling units read by a normed layer": 7,
        },
        seed=3,
        groups=(
            "permutation 7, permutation 6, sign 7, sign 6, positive_scaling 7, 2 positive_scaling 6, "
            "positive_scaling 1"
        ),
        missing={
            "units read by a normed layer: scaling a column of it changes the lengths of its rows": 6,
        },
    ),
}
