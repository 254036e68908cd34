"""Metrics of how far Noether charges are from balance."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from lightning_symmetry.functional import general_linear_imbalance, scaling_imbalance
from lightning_symmetry.functional._check import check_numbers
from lightning_symmetry.metrics._latest import LatestMetric


class ScalingImbalance(LatestMetric):
    """Share of the squared weights that the scaling charges leave uncompensated, averaged over all copies.

    See :func:`~lightning_symmetry.functional.scaling_imbalance`.

    Args:
        powers: the power of the scale that multiplies each leg, such as 1 for what a unit reads and -1 for
            what it writes.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``powers`` is no sequence of numbers.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import ScalingImbalance
        >>> metric = ScalingImbalance(powers=[1, -1])
        >>> metric.update([torch.tensor([[3.0], [1.0]]), torch.tensor([[1.0], [3.0]])])
        >>> metric.compute()
        tensor(0.8000)
    """

    plot_upper_bound: float = 1.0

    def __init__(self, powers: Sequence[float], **kwargs: Any) -> None:
        check_numbers(powers, "powers")
        super().__init__(*powers, **kwargs)
        self.powers = tuple(powers)

    def update(self, legs: Sequence[Tensor]) -> None:
        """Measure these weights.

        Args:
            legs: tensors ``(..., n, k_l)``, one a power.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(scaling_imbalance(legs, self.powers).mean())


class GeneralLinearImbalance(LatestMetric):
    """General linear charge as a share of what its two sides could hold, averaged over all copies.

    See :func:`~lightning_symmetry.functional.general_linear_imbalance`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import GeneralLinearImbalance
        >>> metric = GeneralLinearImbalance()
        >>> metric.update(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
        >>> metric.compute()
        tensor(0.7071)
    """

    plot_upper_bound: float = 1.0

    def update(self, writers: Tensor, readers: Tensor) -> None:
        """Measure these weights.

        Args:
            writers: tensor ``(..., n, k)``.
            readers: tensor ``(..., n, k')``.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(general_linear_imbalance(writers, readers).mean())
