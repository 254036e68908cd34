"""One architecture: a tiny model, inputs for it, and what theory says about its symmetries."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves


@dataclass(frozen=True)
class Architecture:
    """A tiny model, inputs for it, and how its continuous symmetries are counted.

    ``directions``: the dimension of every family, derived by hand; together they are the nullity.
    ``groups``: a record of what is found, read through but not derived: how many symmetries, group, size,
    copies (numbers of one left out). No translations: how these are divided among symmetries is free.
    ``missing``: why some directions are not found, and how many.
    ``seed``: one with which no unit is always on or always off.
    ``outputs``: numbers put out for every trained parameter where the null space is measured.
    """

    build: Callable[[], nn.Module]
    inputs: Callable[[int], tuple[Any, ...]]
    directions: Mapping[str, int]
    groups: str = ""
    missing: Mapping[str, int] = field(default_factory=dict)
    seed: int = 0
    outputs: float = 3

    @property
    def nullity(self) -> int:
        """The dimension of the null space that theory predicts."""
        return sum(self.directions.values())

    def model(self) -> nn.Module:
        """Build the model in float64 at a generic point: no unit gain, no zero bias."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = self.build().double()
            with torch.no_grad():
                for parameter in model.parameters():
                    parameter.add_(torch.randn_like(parameter), alpha=0.3)
        return model

    def data(self, batch: int) -> tuple[Any, ...]:
        """Draw inputs."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed + 1)
            return self.inputs(batch)

    def enough(self, model: nn.Module) -> tuple[Any, ...]:
        """Draw inputs that give enough outputs."""
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            leaves = tree_leaves(copy.deepcopy(model)(*self.data(4)))
        outputs = sum(leaf.numel() for leaf in leaves if isinstance(leaf, Tensor))
        parameters = sum(p.numel() for p in model.parameters() if p.requires_grad)
        return self.data(2 * math.ceil(2 * self.outputs * parameters / outputs))


def gaussian(*shape: int) -> Callable[[int], tuple[Tensor, ...]]:
    """Inputs of one Gaussian tensor; ``shape`` is that of one example."""
    return lambda batch: (2 * torch.randn(batch, *shape, dtype=torch.float64),)
