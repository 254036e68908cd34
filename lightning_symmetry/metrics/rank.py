"""Metrics of how many directions a matrix uses."""

from torch import Tensor

from lightning_symmetry.functional import effective_rank, participation_ratio
from lightning_symmetry.metrics._latest import LatestMetric


class ParticipationRatio(LatestMetric):
    """Participation ratio of the squared singular values, averaged over all copies.

    See :func:`~lightning_symmetry.functional.participation_ratio`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import ParticipationRatio
        >>> metric = ParticipationRatio()
        >>> metric.update(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        >>> metric.compute()
        tensor(1.7664)
    """

    def update(self, matrix: Tensor) -> None:
        """Measure these weights.

        Args:
            matrix: tensor ``(..., m, n)``.
        """
        self._keep(participation_ratio(matrix).mean())


class EffectiveRank(LatestMetric):
    """Exponential of the entropy of the normalised singular values, averaged over all copies.

    See :func:`~lightning_symmetry.functional.effective_rank`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import EffectiveRank
        >>> metric = EffectiveRank()
        >>> metric.update(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        >>> metric.compute()
        tensor(3.3636)
    """

    def update(self, matrix: Tensor) -> None:
        """Measure these weights.

        Args:
            matrix: tensor ``(..., m, n)``.
        """
        self._keep(effective_rank(matrix).mean())
