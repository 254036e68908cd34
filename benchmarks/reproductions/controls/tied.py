"""Thirty-two hidden units that begin equal: do they separate, and does training get away?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.reproductions.controls.fit import fit
from benchmarks.reproductions.controls.ways import callbacks
from lightning_symmetry import Syre
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.functional import broken_share, distinct_units

UNITS, INPUTS = 32, 8

STD = 0.01
"""Size of the offset and of the noise, in initial standard deviations."""


@dataclass(frozen=True)
class Task:
    """What the units are trained for.

    Attributes:
        target: Gives the wanted outputs ``(n, 1)`` of inputs ``(n, 8)``.
        decay: Weight decay.
        says: The task in words.
    """

    target: Callable[[Tensor], Tensor]
    decay: float
    says: str


def many_units(x: Tensor) -> Tensor:
    """Return what takes several units: x₁x₂ + sin x₃."""
    return x[:, :1] * x[:, 1:2] + x[:, 2:3].sin()


def one_unit(x: Tensor) -> Tensor:
    """Return what a single unit can do: tanh x₁."""
    return x[:, :1].tanh()


TASKS = (
    Task(many_units, 0.01, "a target that takes several units"),
    Task(one_unit, 0.1, "a target that one unit can do"),
    Task(one_unit, 1.0, "the same, and more decay than the signal bears"),
)


class TiedRegressor(LightningModule):
    """A tanh network whose units are equal, before and after each step of exact arithmetic.

    Args:
        decay: Weight decay.
    """

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.model = nn.Sequential(nn.Linear(INPUTS, UNITS), nn.Tanh(), nn.Linear(UNITS, 1))
        with torch.no_grad():
            self.model[0].weight.copy_(self.model[0].weight[:1].clone())
            self.model[0].bias.fill_(0.1)
            self.model[2].weight.fill_(0.1)
            self.model[2].bias.zero_()

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Compute the mean squared error."""
        x, y = batch
        return (self.model(x) - y).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return SGD with momentum."""
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=self.decay)


def measured(way: str, task: Task, seed: int, steps: int) -> dict[str, float]:
    """Train a network of equal units.

    Args:
        way: What is done beside weight decay.
        task: What they are trained for.
        seed: Of the weights, the data and the way.
        steps: Optimizer steps on the same 64 samples.

    Returns:
        Figures at the end.
    """
    x = torch.randn(64, INPUTS, generator=torch.Generator().manual_seed(seed))
    y = task.target(x)
    module = fit(
        lambda: TiedRegressor(task.decay),
        DataLoader([(x, y)] * steps, batch_size=None),
        steps,
        callbacks(way, Syre(std=STD, seed=seed), steps),
        seed,
    )
    first, _, second = module.model
    legs = [torch.cat([first.weight, first.bias[:, None]], 1).detach(), second.weight.detach().mT]
    with torch.no_grad():
        loss = (module.model(x) - y).square().mean()
    return {
        "spread": float(broken_share(legs)),
        "distinct units": float(distinct_units(torch.cat(legs, 1), modulo="sign")),
        "error, of the target's variance": float(loss / y.var(correction=0)),
    }
