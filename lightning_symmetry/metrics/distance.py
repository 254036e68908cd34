"""Metrics of the distance to a symmetric state."""

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_symmetry.functional import broken_share, norm_sorted_distance, symmetry_breaking_distance
from lightning_symmetry.metrics._latest import LatestMetric


class SymmetryBreakingDistance(LatestMetric):
    """Distance from weights to their projection onto the fixed subspace of a group.

    The copies' distances join as the root of their summed squares, which is the distance for the product of
    the groups. See :func:`~lightning_symmetry.functional.symmetry_breaking_distance`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import SymmetryBreakingDistance
        >>> metric = SymmetryBreakingDistance()
        >>> weight = torch.tensor([[1.0, 2.0], [1.0, 4.0]])
        >>> metric.update([weight], [weight.mean(dim=0, keepdim=True)])
        >>> metric.compute()
        tensor(1.4142)
    """

    def update(self, legs: Sequence[Tensor], projected: Sequence[Tensor]) -> None:
        """Measure these weights.

        Args:
            legs: tensors ``(..., n, k_l)``.
            projected: their projections, one a leg.

        Raises:
            ValueError: as the function raises it.
        """
        distances = symmetry_breaking_distance(legs, projected)
        self._keep(torch.linalg.vector_norm(distances))


class BrokenShare(LatestMetric):
    """Share of the weights that permutations of the units do not leave alone, averaged over all copies.

    See :func:`~lightning_symmetry.functional.broken_share`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import BrokenShare
        >>> metric = BrokenShare()
        >>> metric.update([torch.tensor([[1.0, 2.0], [1.0, 8.0]])])
        >>> metric.compute()
        tensor(0.5071)
    """

    def update(self, legs: Sequence[Tensor]) -> None:
        """Measure these weights.

        Args:
            legs: tensors ``(..., n, k_l)``, one unit a row.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(broken_share(legs).mean())


class NormSortedDistance(LatestMetric):
    """Estimated distance to the nearest state in which two units are equal, the smallest of all copies.

    See :func:`~lightning_symmetry.functional.norm_sorted_distance`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import NormSortedDistance
        >>> metric = NormSortedDistance()
        >>> metric.update([torch.tensor([[3.0, 4.0], [0.0, 1.0], [4.0, 4.0]])])
        >>> metric.compute()
        tensor(0.7071)
    """

    def update(self, legs: Sequence[Tensor]) -> None:
        """Measure these weights.

        Args:
            legs: tensors ``(..., n, k_l)``, one unit a row.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(norm_sorted_distance(legs).amin())
