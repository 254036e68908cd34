"""Metrics of classifying by the nearest class mean: the second pass over a data set."""

from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional import nearest_centre_accuracy, nearest_centre_disagreement
from lightning_symmetry.functional._check import check_tensor
from lightning_symmetry.metrics.representation._accumulated import AccumulatedMetric


class _Share(AccumulatedMetric):
    """A share of all samples so far."""

    plot_upper_bound: float = 1.0

    hits: Tensor
    total: Tensor

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.add_state("hits", default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("total", default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def _add(self, share: Tensor, labels: Tensor) -> None:
        number = (labels >= 0).sum().to(self.total)
        # whole numbers, so that their sum does not depend on the order of batches
        hits = torch.where(number == 0, 0.0, (share.to(self.hits) * number).round())
        self.hits, self.total = self.hits + hits, self.total + number

    def compute(self) -> Tensor:
        """Return the share.

        Returns:
            float64 scalar in [0, 1]; NaN without samples, or if a feature was not finite.
        """
        return self.hits / self.total


class NearestCentreDisagreement(_Share):
    """NC4: share of samples whose class the network decides otherwise than the nearest class mean.

    See :func:`~lightning_symmetry.functional.nearest_centre_disagreement`. Exact with the means of all
    samples, from a first pass over the same data; with those of the epoch before it lags by what the
    features have moved.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import NearestCentreDisagreement
        >>> metric = NearestCentreDisagreement()
        >>> centres = torch.tensor([[0.0], [1.0]])
        >>> metric.update(torch.tensor([[0.9], [0.1]]), torch.tensor([1, 1]), centres)
        >>> metric.update(torch.tensor([[2.0], [0.2]]), torch.tensor([1, 0]), centres)
        >>> metric.compute()
        tensor(0.2500, dtype=torch.float64)
    """

    def update(self, features: Tensor, decisions: Tensor, centres: Tensor) -> None:
        """Add one batch.

        Args:
            features: tensor ``(n, d)``.
            decisions: integer tensor ``(n,)``, the class that the network decides on; a negative one leaves
                the sample out.
            centres: class means ``(K, d)``, such as :attr:`NeuralCollapse.centres`.

        Raises:
            ValueError: if a tensor is not acceptable or does not fit.
        """
        check_tensor(features, "features")
        share = nearest_centre_disagreement(features.double(), decisions, centres)
        self._add(share, decisions)


class NearestCentreAccuracy(_Share):
    """Leave-one-out accuracy of the nearest class mean.

    See :func:`~lightning_symmetry.functional.nearest_centre_accuracy`. The means have to come from the very
    samples that are judged: a sample is taken out of the mean of its class.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import NearestCentreAccuracy, Separability
        >>> batches = [(torch.tensor([[0.0], [5.0]]), torch.tensor([0, 1]))]
        >>> batches += [(torch.tensor([[4.0], [5.0]]), torch.tensor([0, 1]))]
        >>> first, second = Separability(num_classes=2, num_features=1), NearestCentreAccuracy()
        >>> for features, labels in batches:
        ...     first.update(features, labels)
        >>> for features, labels in batches:
        ...     second.update(features, labels, first.centres, first.counts)
        >>> second.compute()
        tensor(0.7500, dtype=torch.float64)
    """

    def update(self, features: Tensor, labels: Tensor, centres: Tensor, counts: Tensor) -> None:
        """Add one batch.

        Args:
            features: tensor ``(n, d)``.
            labels: integer tensor ``(n,)``, all less than K; a negative one leaves the sample out.
            centres: means of the classes over all batches, ``(K, d)``.
            counts: numbers of samples that they are means of, ``(K,)``.

        Raises:
            ValueError: if a tensor is not acceptable or does not fit.
        """
        check_tensor(features, "features")
        share = nearest_centre_accuracy(features.double(), labels, centres, counts)
        self._add(share, labels)
