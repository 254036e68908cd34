"""Metrics of how many directions a matrix uses."""

from typing import Any

from torch import Tensor

from lightning_symmetry.functional import effective_rank, numerical_rank, participation_ratio, stable_rank
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

        Raises:
            ValueError: as the function raises it.
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

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(effective_rank(matrix).mean())


class StableRank(LatestMetric):
    """Squared Frobenius norm in units of the squared spectral norm, averaged over all copies.

    See :func:`~lightning_symmetry.functional.stable_rank`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import StableRank
        >>> metric = StableRank()
        >>> metric.update(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        >>> metric.compute()
        tensor(1.3750)
    """

    def update(self, matrix: Tensor) -> None:
        """Measure these weights.

        Args:
            matrix: tensor ``(..., m, n)``.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(stable_rank(matrix).mean())


class NumericalRank(LatestMetric):
    """Number of singular values that are not a negligible fraction of the largest, averaged over all copies.

    See :func:`~lightning_symmetry.functional.numerical_rank`.

    Args:
        tolerance: fraction of the largest singular value, by default the precision of the weights.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import NumericalRank
        >>> metric = NumericalRank(tolerance=0.3)
        >>> metric.update(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        >>> metric.compute()
        tensor(2.)
    """

    is_differentiable = False

    def __init__(self, tolerance: float | None = None, **kwargs: Any) -> None:
        super().__init__(tolerance, **kwargs)
        self.tolerance = tolerance

    def update(self, matrix: Tensor) -> None:
        """Measure these weights.

        Args:
            matrix: tensor ``(..., m, n)``.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(numerical_rank(matrix, self.tolerance).mean())
