"""Models, and configs to try on them."""

import torch
from torch import Tensor, nn

from lightning_symmetry import GroupGate, Hadamard, LowRank, Mirror, ScalarGate

CONFIGS = {
    "scalar gate": ScalarGate(),
    "product of two": Hadamard(),
    "product of four": Hadamard(depth=4),
    "gated rows": GroupGate(),
    "gated columns": GroupGate(dim=-1, depth=3),
    "low rank": LowRank(),
    "mirrored rows": Mirror(indices=[[0, 2], [1]], dim=0),
    "mirrored entries": Mirror(indices=[[3], [0, 1]]),
}


class Decoder(nn.Module):
    """A pre-norm decoder layer whose embedding is also its head."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 12, 0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(8, 9, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: Tensor) -> Tensor:
        mask = torch.triu(torch.full((tokens.shape[1], tokens.shape[1]), -torch.inf), diagonal=1)
        hidden = self.embedding(tokens)
        result: Tensor = self.head(self.layer(hidden, src_mask=mask.to(hidden)))
        return result


class Vision(nn.Module):
    """Patches, positions and attention, with heads of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, stride=4)
        self.positions = nn.Parameter(torch.randn(4, 8))
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).mT + self.positions
        result: Tensor = self.head(self.attention(tokens, tokens, tokens)[0].mean(1))
        return result


class Adapted(nn.Module):
    """A frozen layer with a low-rank adapter, which starts from zero."""

    def __init__(self) -> None:
        super().__init__()
        self.base = nn.Linear(6, 5).requires_grad_(False)
        self.down = nn.Linear(6, 4, bias=False)
        self.up = nn.Linear(4, 5, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.base(x) + self.up(self.down(x))
        return result


class Recurrent(nn.Module):
    """An LSTM and a GRU cell."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 5, num_layers=2, bidirectional=True, batch_first=True)
        self.cell = nn.GRUCell(10, 6)

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.cell(self.lstm(x)[0][:, -1])
        return result


def perceptron() -> nn.Module:
    return nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Linear(6, 4))


def convolutions() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.ConvTranspose2d(6, 4, 2),
        nn.Flatten(2),
        nn.Conv1d(4, 3, 3),
        nn.Unflatten(2, (1, 1, -1)),
        nn.Conv3d(3, 4, (1, 1, 2)),
        nn.Flatten(),
    )


MODELS = {
    "perceptron": (perceptron, lambda: torch.randn(7, 5)),
    "convolutions": (convolutions, lambda: torch.randn(7, 3, 8, 8)),
    "vision": (Vision, lambda: torch.randn(7, 3, 8, 8)),
    "decoder": (Decoder, lambda: torch.randint(9, (7, 6))),
    "recurrent": (Recurrent, lambda: torch.randn(7, 3, 4)),
    "adapter": (Adapted, lambda: torch.randn(7, 6)),
}


def built(name: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, Tensor]:
    """Return a model and an input, the same at every call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        build, data = MODELS[name]
        model, x = build().to(dtype), data()
    return model, x.to(dtype) if x.is_floating_point() else x


def trained_only(name: str, parameter: Tensor) -> bool:
    return parameter.requires_grad


def distance(a, b):
    return float(((a - b).norm() / b.norm()).detach())


def step(model, x, optimizer=None):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.01)
    optimizer.zero_grad()
    model(x).square().mean().backward()
    optimizer.step()
