"""Students of several widths that learn the same noisy target with weight decay."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.reproductions.training import train
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.report.run import Curve

RATE, MOMENTUM = 0.2, 0.95
LOOKS = 10
SAMPLES, INPUTS, UNITS, NOISE = 64, 6, 4, 0.5
START = 16
"""Width at which weights of the first layer begin as torch draws them."""


@dataclass(frozen=True)
class Trained:
    """One training.

    Attributes:
        units: Distinct units over training as the monitor counts them, by width.
        losses: Final loss, by width.
    """

    units: dict[int, Curve]
    losses: dict[int, float]


class Students(LightningModule):
    """ReLU networks with one hidden layer, side by side: none knows of the others."""

    def __init__(self, widths: tuple[int, ...], decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.students = nn.ModuleDict({str(width): _student(width) for width in widths})

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The sum of their losses."""
        return torch.stack(list(self.losses(*batch).values())).sum()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum, which moves every weight by its own gradient alone."""
        return torch.optim.SGD(self.parameters(), lr=RATE, momentum=MOMENTUM, weight_decay=self.decay)

    def losses(self, x: Tensor, y: Tensor) -> dict[int, Tensor]:
        """Half the mean squared error of each, by width."""
        return {int(width): (student(x) - y).square().mean() / 2 for width, student in self.students.items()}


def _student(width: int) -> nn.Module:
    student = nn.Sequential(nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, 1))
    with torch.no_grad():
        for parameter in student[0].parameters():
            # so that the loss is as steep at any width, and one learning rate does
            parameter.mul_((START / width) ** 0.5)
    return student


def task() -> tuple[Tensor, Tensor]:
    """Draw inputs, and what a ReLU network with four units makes of them, with noise."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(SAMPLES, INPUTS, generator=generator)
    reading = torch.linalg.qr(torch.randn(INPUTS, UNITS, generator=generator))[0]
    y = (x @ reading).relu() @ torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])
    return x, y + NOISE * torch.randn(y.shape, generator=generator)


def time_scale(decay: float) -> float:
    """Return the optimizer steps in which weight decay shrinks what no gradient holds to 1/e.

    Args:
        decay: Weight decay, more than 0.

    Returns:
        (1 - momentum) / (learning rate × decay).
    """
    return (1 - MOMENTUM) / (RATE * decay)


def trained(widths: tuple[int, ...], decay: float, steps: int, seed: int) -> Trained:
    """Train students of all widths.

    Args:
        widths: Their hidden units.
        decay: Weight decay.
        steps: Optimizer steps, a multiple of :data:`LOOKS`.
        seed: Of their weights.

    Returns:
        What becomes of each.
    """
    between = steps // LOOKS
    # one step less, so that a look is there before each time that is logged
    monitor = SymmetryMonitor(every_n_steps=between - 1, max_overhead=None, exact=True, strict=True)
    module, curves = train(
        lambda: Students(widths, decay), [task()], steps, [monitor], seed, log_every_n_steps=between
    )
    units = {
        width: curves[f"symmetry/distinct_units/students.{width}.hidden.permutation"] for width in widths
    }
    with torch.no_grad():
        return Trained(units, {width: float(loss) for width, loss in module.losses(*task()).items()})
