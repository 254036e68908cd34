"""Small models and what is done to them, for the tests of removing symmetries."""

import torch
from torch import nn

from lightning_symmetry import ActivationAsymmetry, AttentionBias, Syre, WeightAsymmetry


def mlp() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 2))


def cnn() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 4 * 4, 2)
        )


def encoder() -> nn.TransformerEncoderLayer:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)


def cell() -> nn.LSTMCell:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return nn.LSTMCell(4, 5)


MODELS = {
    "mlp": (mlp, (3, 4)),
    "cnn": (cnn, (3, 3, 6, 6)),
    "encoder": (encoder, (2, 3, 8)),
    "cell": (cell, (3, 4)),
}
CONFIGS = {
    "syre": Syre(std=0.1),
    "weights": WeightAsymmetry(fixed=2, scale=0.5),
    "activations": ActivationAsymmetry(),
    "attention": AttentionBias(),
}
CASES = [
    ("mlp", "syre"),
    ("mlp", "weights"),
    ("mlp", "activations"),
    ("cnn", "syre"),
    ("cnn", "weights"),
    ("cnn", "activations"),
    ("encoder", "syre"),
    ("encoder", "weights"),
    ("encoder", "attention"),
    ("cell", "syre"),
    ("cell", "weights"),
]
FOLDABLE = [case for case in CASES if case[1] != "activations"]


def batch(name: str) -> torch.Tensor:
    return torch.randn(MODELS[name][1], generator=torch.Generator().manual_seed(1))


def output(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
    found = model(x.to(next(model.parameters()).dtype))
    return found[0] if isinstance(found, tuple) else found
