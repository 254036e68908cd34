"""Metrics of how many directions features use, over a whole data set."""

from typing import Any

from torch import Tensor

from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional.representation.feature_ranks import feature_ranks_of, rankme_of
from lightning_symmetry.metrics.representation._feature_moments import FeatureMomentsMetric


class RankMe(FeatureMomentsMetric):
    """RankMe of all embeddings so far.

    See :func:`~lightning_symmetry.functional.rankme`. It keeps (d + 1)² numbers in float64. The singular
    values are roots of eigenvalues of the d × d second moment: those below 1e-8 of the largest are noise of
    that size.

    Args:
        num_features: d.
        epsilon: the paper's constant, at least 0.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``num_features`` is less than 1, or ``epsilon`` negative.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import RankMe
        >>> metric = RankMe(num_features=3)
        >>> metric.update(torch.tensor([[4.0, 0.0, 0.0], [0.0, 2.0, 0.0]]))
        >>> metric.update(torch.tensor([[0.0, 0.0, 2.0]]))
        >>> metric.compute()
        tensor(2.8284, dtype=torch.float64)
    """

    def __init__(self, num_features: int, epsilon: float = 1e-7, **kwargs: Any) -> None:
        check_number(epsilon, "epsilon")
        check(epsilon >= 0, "epsilon", "be at least 0", epsilon)
        super().__init__(num_features, **kwargs)
        self.epsilon = epsilon

    def compute(self) -> Tensor:
        """Compute the rank.

        Returns:
            float64 scalar; 0 without embeddings.
        """
        return rankme_of(self._so_far(), self.epsilon)


class FeatureRanks(FeatureMomentsMetric):
    """Effective rank and participation ratio of all features so far, about their mean.

    See :func:`~lightning_symmetry.functional.feature_ranks`. It keeps (d + 1)² numbers in float64, and is as
    precise as :class:`RankMe`.

    Args:
        num_features: d.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``num_features`` is less than 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import FeatureRanks
        >>> metric = FeatureRanks(num_features=2)
        >>> metric.update(torch.tensor([[9.0, 1.0], [9.0, -1.0]]))
        >>> metric.update(torch.tensor([[7.0, 1.0], [7.0, -1.0]]))
        >>> {name: round(rank.item(), 6) for name, rank in metric.compute().items()}
        {'effective_rank': 2.0, 'participation_ratio': 2.0}
    """

    def compute(self) -> dict[str, Tensor]:
        """Compute both ranks.

        Returns:
            float64 scalars ``effective_rank`` and ``participation_ratio``; 0 without features.
        """
        return feature_ranks_of(self._so_far())._asdict()
