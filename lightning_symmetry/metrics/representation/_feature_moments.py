"""What metrics of unlabelled features share: their moments as one state."""

from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check_size
from lightning_symmetry.functional.representation._precise import precise
from lightning_symmetry.functional.representation.moments import Moments, merge_packed, moments
from lightning_symmetry.metrics.representation._accumulated import (
    AccumulatedMetric,
    check_samples,
)


class FeatureMomentsMetric(AccumulatedMetric):
    """A function of the number, mean and scatter of features: (d + 1)² numbers in float64."""

    moments: Tensor

    def __init__(self, num_features: int, **kwargs: Any) -> None:
        check_size(num_features, "num_features")
        super().__init__(**kwargs)
        self.num_features = num_features
        self.add_state("moments", default=empty_moments(num_features), dist_reduce_fx=merge_packed)

    def update(self, features: Tensor) -> None:
        """Add one batch.

        Args:
            features: tensor ``(n, d)``; see :func:`~lightning_symmetry.functional.as_samples` for tokens and
                images.

        Raises:
            ValueError: if ``features`` is not floating-point of that shape.
        """
        self.moments = with_batch(self.moments, features)

    def _so_far(self) -> Moments:
        return Moments.unpacked(self.moments)


def empty_moments(num_features: int) -> Tensor:
    """Packed moments of no samples.

    Args:
        num_features: d.

    Returns:
        float64 tensor ``(d + 1, d + 1)``.
    """
    return torch.zeros(num_features + 1, num_features + 1, dtype=torch.float64)


@torch.no_grad()
def with_batch(packed: Tensor, features: Tensor) -> Tensor:
    """Add one batch to packed moments.

    Args:
        packed: tensor ``(d + 1, d + 1)``.
        features: tensor ``(n, d)``.

    Returns:
        Tensor ``(d + 1, d + 1)``.

    Raises:
        ValueError: if ``features`` is not floating-point of that shape.
    """
    check_samples(features, packed.shape[-1] - 1)
    # integers stay what they are, for `moments` to refuse
    wide = precise(features) if features.is_floating_point() else features
    return merge_packed(torch.stack([packed, moments(wide).packed().to(packed)]))
