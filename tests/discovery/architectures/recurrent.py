"""Recurrent networks, fused and unrolled by hand."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ._architecture import Architecture, gaussian


class Sequence(nn.Module):
    """A recurrent network and a head on all that it puts out."""

    def __init__(self, network: nn.Module, width: int) -> None:
        super().__init__()
        self.network, self.head = network, nn.Linear(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.network(x)[0])


class CellByHand(nn.Module):
    """An LSTM cell as textbooks write it, unrolled in Python."""

    def __init__(self) -> None:
        super().__init__()
        self.gates, self.head = nn.Linear(3 + 5, 4 * 5), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        hidden = cell = x.new_zeros(len(x), 5)
        out = []
        for step in x.unbind(1):
            enter, keep, show, new = self.gates(torch.cat([step, hidden], dim=1)).chunk(4, dim=1)
            cell = keep.sigmoid() * cell + enter.sigmoid() * new.tanh()
            hidden = show.sigmoid() * cell.tanh()
            out.append(self.head(hidden))
        return torch.stack(out, dim=1)


class LinearRecurrence(nn.Module):
    """A linear state; what it shows passes a ReLU."""

    def __init__(self) -> None:
        super().__init__()
        self.enter, self.stay = nn.Linear(3, 4, bias=False), nn.Linear(4, 4, bias=False)
        self.show, self.head = nn.Linear(4, 7), nn.Linear(7, 4)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 4)
        out = []
        for step in x.unbind(1):
            state = self.stay(state) + self.enter(step)
            out.append(self.head(self.show(state).relu()))
        return torch.stack(out, dim=1)


class Attended(nn.Module):
    """A GRU encoder, a GRU cell decoder, additive attention between them (arXiv 1409.0473)."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.GRU(3, 4, batch_first=True), nn.GRUCell(4, 4)
        self.key, self.query, self.score = nn.Linear(4, 5), nn.Linear(4, 5), nn.Linear(5, 1)
        self.head = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        memory, last = self.encoder(x)
        state, keys, out = last[0], self.key(memory), []
        for _ in range(3):
            scores = self.score((keys + self.query(state)[:, None]).tanh())
            state = self.decoder((scores.softmax(1) * memory).sum(1), state)
            out.append(self.head(state))
        return torch.stack(out, dim=1)


def _sequence(kind: type[nn.RNNBase], layers: int = 1, **options: object) -> Sequence:
    return Sequence(kind(3, 5, layers, batch_first=True, **options), 5)


ARCHITECTURES = {
    "LSTM": Architecture(
        lambda: _sequence(nn.LSTM, 2),
        gaussian(4, 3),
        {"translation two biases": 2 * 20},
        groups="2 permutation 5, 2 sign 5",
    ),
    "GRU": Architecture(
        lambda: _sequence(nn.GRU, 2),
        gaussian(4, 3),
        {"translation two biases": 2 * 10},
        groups="2 permutation 5, 2 sign 5",
    ),
    "tanh RNN": Architecture(
        lambda: _sequence(nn.RNN, 2),
        gaussian(4, 3),
        {"translation two biases": 2 * 5},
        groups="2 permutation 5, 2 sign 5",
    ),
    "ReLU RNN": Architecture(
        lambda: _sequence(nn.RNN, nonlinearity="relu"),
        gaussian(4, 3),
        {"translation two biases": 5, "positive scaling hidden units": 5},
        groups="permutation 5, positive_scaling 5",
    ),
    "LSTM by hand": Architecture(CellByHand, gaussian(4, 3), {}, groups="permutation 5, sign 5"),
    "linear recurrence": Architecture(
        LinearRecurrence,
        gaussian(6, 3),
        {"general linear state": 16, "positive scaling hidden units": 7},
        groups="permutation 7, positive_scaling 7, general_linear 4",
    ),
    "recurrent encoder and decoder": Architecture(
        Attended,
        gaussian(4, 3),
        {
            "translation two biases": 8 + 8,
            "translation key bias → query bias": 5,
            "translation score bias": 1,
        },
        groups="permutation 5, permutation 4, sign 5, sign 4",
    ),
}
