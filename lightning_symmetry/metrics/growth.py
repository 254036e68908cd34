"""Metric of the rate at which a symmetry breaks."""

from collections.abc import Sequence

from torch import Tensor

from lightning_symmetry.functional import growth_rate
from lightning_symmetry.metrics._latest import LatestMetric


class GrowthRate(LatestMetric):
    """Rate at which gradient flow moves weights away from a symmetric state, averaged over all copies.

    See :func:`~lightning_symmetry.functional.growth_rate`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import GrowthRate
        >>> metric = GrowthRate()
        >>> metric.update([torch.tensor([[1.0], [-1.0]])], [torch.tensor([[-0.5], [0.5]])])
        >>> metric.compute()
        tensor(0.5000)
    """

    plot_lower_bound = None

    def update(self, broken: Sequence[Tensor], gradients: Sequence[Tensor]) -> None:
        """Measure these weights.

        Args:
            broken: the broken part of the weights, tensors ``(..., n, k_l)``.
            gradients: the gradient of the loss, tensors of the same shapes.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(growth_rate(broken, gradients).mean())
