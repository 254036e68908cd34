"""Metric of how many modes have left the noise."""

from torch import Tensor

from lightning_symmetry.functional import learned_modes
from lightning_symmetry.metrics._latest import LatestMetric


class LearnedModes(LatestMetric):
    """Number of singular values beyond the noise, summed over all copies.

    See :func:`~lightning_symmetry.functional.learned_modes`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import LearnedModes
        >>> metric = LearnedModes()
        >>> matrix = torch.randn(60, 80, generator=torch.Generator().manual_seed(0))
        >>> matrix[0] += 10
        >>> metric.update(matrix)
        >>> metric.compute()
        tensor(1.)
    """

    is_differentiable = False

    def update(self, matrix: Tensor) -> None:
        """Measure these weights.

        Args:
            matrix: tensor ``(..., m, n)``.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(learned_modes(matrix).sum())
