"""Ways to steer any of the shared models, adding and removing symmetries alike."""

from torch import nn

from lightning_symmetry import Hadamard, LowRank, Syre, WeightAsymmetry, add_symmetry, remove_symmetry

STEERINGS = {
    "syre": (remove_symmetry, Syre(std=0.1)),
    "weight asymmetry": (remove_symmetry, WeightAsymmetry(fixed=1, scale=0.5)),
    "hadamard": (add_symmetry, Hadamard()),
    "low rank": (add_symmetry, LowRank()),
}


def steer(model: nn.Module, name: str) -> nn.Module:
    function, config = STEERINGS[name]
    return function(model, config)
