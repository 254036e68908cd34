"""What metrics of labelled features share: the moments of every class as one state."""

from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check_size
from lightning_symmetry.functional.representation.class_moments import ClassMoments, class_moments, merged
from lightning_symmetry.metrics.representation._accumulated import (
    AccumulatedMetric,
    check_samples,
)


class ClassMomentsMetric(AccumulatedMetric):
    """A function of the moments of features within classes.

    The state is one tensor ``(K + d, d + 1)``: first a row with the mean and the number of samples of every
    class, then the scatter. In one piece, because to join two sets of samples takes all of it; sums about a
    common origin would do without, but processes that have not talked yet have no common origin but zero,
    and there sums of squares cancel.
    """

    moments: Tensor

    def __init__(self, num_classes: int, num_features: int, **kwargs: Any) -> None:
        check_size(num_classes, "num_classes")
        check_size(num_features, "num_features")
        super().__init__(**kwargs)
        self.num_classes = num_classes
        self.num_features = num_features
        empty = torch.zeros(num_classes + num_features, num_features + 1, dtype=torch.float64)
        self.add_state("moments", default=empty, dist_reduce_fx=_joined)

    @property
    def counts(self) -> Tensor:
        """Number of samples of every class so far, in this process, float64 tensor ``(K,)``."""
        return _unpacked(self.moments).counts

    @property
    def centres(self) -> Tensor:
        """Mean of every class so far, in this process, float64 ``(K, d)``; NaN for one without samples."""
        return self.moments[: self.num_classes, :-1].where(self.counts.unsqueeze(-1) > 0, torch.nan)

    @torch.no_grad()
    def _add(self, features: Tensor, labels: Tensor) -> None:
        check_samples(features, self.num_features)
        batch = _packed(class_moments(features, labels, self.num_classes)).to(self.moments)
        self.moments = _joined(torch.stack([self.moments, batch]))

    def _so_far(self) -> ClassMoments:
        return _unpacked(self.moments)


def _packed(moments: ClassMoments) -> Tensor:
    classes = torch.cat([moments.means, moments.counts.unsqueeze(-1)], dim=-1)
    return torch.cat([classes, torch.nn.functional.pad(moments.scatter, (0, 1))])


def _unpacked(packed: Tensor) -> ClassMoments:
    num_features = packed.shape[1] - 1
    classes, scatter = packed[:-num_features], packed[-num_features:]
    return ClassMoments(classes[:, -1], classes[:, :-1], scatter[:, :-1])


def _joined(stacked: Tensor) -> Tensor:
    joined = _unpacked(stacked[0])
    for part in stacked[1:]:
        joined = merged(joined, _unpacked(part))
    return _packed(joined)
