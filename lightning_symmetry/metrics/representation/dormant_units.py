"""Metric of silent units, over a whole data set."""

from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_number, check_size
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation._precise import precise
from lightning_symmetry.functional.representation.dormant_units import count_dormant, scores_of
from lightning_symmetry.metrics.representation._accumulated import (
    AccumulatedMetric,
    check_samples,
)


class DormantUnits(AccumulatedMetric):
    """Number of units of a layer that were hardly active on the samples so far.

    See :func:`~lightning_symmetry.functional.dormant_units`. It keeps d + 1 numbers in float64.

    Args:
        num_features: number d of units.
        threshold: τ, at least 0.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``num_features`` is less than 1, or ``threshold`` negative.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import DormantUnits
        >>> metric = DormantUnits(num_features=3)
        >>> metric.update(torch.tensor([[1.0, 0.0, 0.1]]))
        >>> metric.update(torch.tensor([[4.0, 0.0, 0.3]]))
        >>> metric.compute()
        tensor(1., dtype=torch.float64)
    """

    sizes: Tensor
    samples: Tensor

    def __init__(self, num_features: int, threshold: float = 0.025, **kwargs: Any) -> None:
        check_size(num_features, "num_features")
        check_number(threshold, "threshold")
        check(threshold >= 0, "threshold", "be at least 0", threshold)
        super().__init__(**kwargs)
        self.num_features = num_features
        self.threshold = threshold
        sizes = torch.zeros(num_features, dtype=torch.float64)
        self.add_state("sizes", default=sizes, dist_reduce_fx="sum")
        self.add_state("samples", default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    @torch.no_grad()
    def update(self, activations: Tensor) -> None:
        """Add one batch.

        Args:
            activations: tensor ``(n, d)`` after the non-linearity, one unit a column; see
                :func:`~lightning_symmetry.functional.as_samples` for channels and tokens.

        Raises:
            ValueError: if ``activations`` is not floating-point of that shape.
        """
        rows = precise(as_rows(activations, "activations"))
        check_samples(rows, self.num_features)
        self.sizes = self.sizes + rows.abs().sum(dim=0).to(self.sizes)
        self.samples = self.samples + len(rows)

    @property
    def scores(self) -> Tensor:
        """Score of every unit so far, in this process, float64 tensor ``(d,)``; NaN without samples."""
        return scores_of(self.sizes / self.samples)

    def compute(self) -> Tensor:
        """Count the dormant units.

        Returns:
            float64 scalar; NaN without samples.
        """
        return count_dormant(self.scores, self.threshold)
