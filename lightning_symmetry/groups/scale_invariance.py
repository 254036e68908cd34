"""Scaling of whole tensors in front of a normalisation."""

from __future__ import annotations

from .positive_scaling import PositiveScaling


class ScaleInvariance(PositiveScaling):
    """One positive factor for whole tensors that a normalisation divides out again (size 1).

    Example:
        >>> ScaleInvariance().dimension(1)
        1
    """

    name = "scale_invariance"
