"""The least squares that three penalties are added to, and what is asked of sparse minimisers."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure
from lightning_symmetry._compat import LightningModule

THRESHOLDS = (1e-3, 1e-6, 1e-9, 1e-12)
"""Zeros are to be told from the rest at each of them."""


class Regression(LightningModule):
    """Linear least squares in float64, with weight decay.

    Args:
        penalty: Weight decay.
        inputs: Variables.
        outputs: Targets.
        rate: Learning rate.
    """

    def __init__(self, penalty: float, inputs: int, outputs: int, rate: float = 0.2) -> None:
        super().__init__()
        self.penalty, self.rate = penalty, rate
        self.linear = nn.Linear(inputs, outputs, bias=False, dtype=torch.float64)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Half the squared error of a sample, as scikit-learn has it."""
        x, y = batch
        return (self.linear(x) - y).square().sum(dim=1).mean() / 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent with the weight decay that equals the penalty."""
        return torch.optim.SGD(self.parameters(), lr=self.rate, momentum=0.9, weight_decay=self.penalty)


def sparse_figures(errors: Sequence[float], supports: Sequence[float], what: str, rule: str) -> list[Figure]:
    """Judge coefficients that are to be those of a sparse minimiser.

    Args:
        errors: Largest difference of a coefficient, in each run.
        supports: 1 where the zeros are the right ones at a threshold, in each run.
        what: Is to be found at every threshold.
        rule: What is published of it.

    Returns:
        A figure of each.
    """
    return [
        Figure(
            "largest difference of a coefficient",
            estimate(errors),
            "equal minimisers; at most 1e-4 in every run",
            max(errors) <= 1e-4,
        ),
        Figure(
            f"share of runs and thresholds (1e-3, 1e-6, 1e-9, 1e-12) with {what}",
            estimate(supports),
            f"{rule}; all",
            min(supports) == 1,
        ),
    ]
