"""Procrustes similarity of a whole data set."""

from typing import ClassVar

from torch import Tensor

from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional.representation._cross_moments import CrossMoments
from lightning_symmetry.functional.representation.procrustes import angle, nuclear_norm
from lightning_symmetry.metrics.representation._streamed import MomentMetric


class ProcrustesSimilarity(MomentMetric):
    """Largest correlation of two representations over all rotations of one.

    See :func:`~lightning_symmetry.functional.procrustes_similarity`.

    All samples count at once. One matrix is kept in float64, 8 (d_a + 3)(d_b + 3) bytes for any number of
    samples, of which ``compute`` takes the singular values. The products of a batch are taken in its own
    precision, relative to the mean of the first batch; processes join what they have seen.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import ProcrustesSimilarity
        >>> metric = ProcrustesSimilarity()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute()
        tensor(0.7901, dtype=torch.float64)
    """

    SIDES: ClassVar[dict[str, tuple[int, int]]] = {"moments_crossed": (0, 1)}

    def compute(self) -> Tensor:
        """Compute the value for all samples so far.

        Waits for the device.

        Returns:
            0-d float64 tensor, between 0 and 1; 0 where a side is constant; NaN before the first update.
        """
        moments = self._moments()
        return _similarity(*moments) if moments else self._nan()


class ProcrustesDistance(MomentMetric):
    """Angle between two representations after the best rotation, a metric.

    See :func:`~lightning_symmetry.functional.procrustes_distance`.

    All samples count at once. One matrix is kept in float64, 8 (d_a + 3)(d_b + 3) bytes for any number of
    samples, of which ``compute`` takes the singular values. The products of a batch are taken in its own
    precision, relative to the mean of the first batch; processes join what they have seen.
    Rounding of float32 features shows as an angle of up to some 1e-3.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import ProcrustesDistance
        >>> metric = ProcrustesDistance()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute()
        tensor(0.6599, dtype=torch.float64)
    """

    SIDES: ClassVar[dict[str, tuple[int, int]]] = {"moments_crossed": (0, 1)}

    plot_upper_bound: float | None = None

    def compute(self) -> Tensor:
        """Compute the value for all samples so far.

        Waits for the device.

        Returns:
            0-d float64 tensor, between 0 and π/2; NaN before the first update.
        """
        moments = self._moments()
        return angle(_similarity(*moments)) if moments else self._nan()


def _similarity(moments: CrossMoments) -> Tensor:
    central, _, _ = moments.central()
    sizes = central[-1, -2].clamp(min=0).sqrt() * central[-2, -1].clamp(min=0).sqrt()
    return ratio(nuclear_norm(central[:-2, :-2]), sizes)
