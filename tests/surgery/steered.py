"""Small models and what is done to them, for the tests of removing symmetries."""

import torch
from torch import nn

from lightning_symmetry import ActivationAsymmetry, AttentionBias, Syre, WeightAsymmetry, remove_symmetry

from .added import MODELS, built


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


CONFIGS = {
    "syre": Syre(std=0.1),
    "weights": WeightAsymmetry(fixed=1, scale=0.5),
    "activations": ActivationAsymmetry(),
    "attention": AttentionBias(),
}
# Every config on every model that it acts on.
CASES = [
    *((name, kind) for name in MODELS for kind in ("syre", "weights")),
    ("perceptron", "activations"),
    ("convolutions", "activations"),
    ("vision", "attention"),
    ("decoder", "attention"),
]
FOLDABLE = [case for case in CASES if case[1] != "activations"]


def removed(name: str, kind: str, dtype: torch.dtype = torch.float64) -> tuple[nn.Module, torch.Tensor]:
    """Return one of the shared models, steered, in evaluation, and an input."""
    model, x = built(name, dtype)
    return remove_symmetry(model, CONFIGS[kind]).eval(), x
