"""Agreement of inner products over all pairs of a whole data set."""

from torch import Tensor

from lightning_symmetry.functional.representation._cross_moments import with_constants
from lightning_symmetry.functional.representation.inner_products import correlation, relative_error
from lightning_symmetry.metrics.representation._streamed import MomentMetric


class InnerProductCorrelation(MomentMetric):
    """Correlation of the inner products of two representations over all pairs of samples.

    See :func:`~lightning_symmetry.functional.inner_product_correlation`.

    Keeps the same moments as :class:`LinearCKA`, in the same memory; a
    :class:`~torchmetrics.MetricCollection` that holds both accumulates them once.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import InnerProductCorrelation
        >>> metric = InnerProductCorrelation()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute()
        tensor(0.7979, dtype=torch.float64)
    """

    plot_lower_bound: float | None = None

    def compute(self) -> Tensor:
        """Compute the value for all samples so far.

        Waits for the device.

        Returns:
            0-d float64 tensor, between -1 and 1; 0 where a side is constant, and NaN for one sample,
            as before the first update.
        """
        moments = self._moments()
        return correlation(*(each.pair_sums()[0] for each in moments)) if moments else self._nan()


class InnerProductError(MomentMetric):
    """Relative difference of the inner products of two representations after the best scale.

    See :func:`~lightning_symmetry.functional.inner_product_error`.

    Keeps the same moments as :class:`LinearCKA`, in the same memory; a
    :class:`~torchmetrics.MetricCollection` that holds both accumulates them once.
    Rounding of float32 features adds up to some 5e-4.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import InnerProductError
        >>> metric = InnerProductError()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute()
        tensor(0.6028, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute the value for all samples so far.

        Waits for the device.

        Returns:
            0-d float64 tensor, between 0 and 1; NaN for one sample and before the first update.
        """
        moments = self._moments()
        return (
            relative_error(*(with_constants(*each.pair_sums()) for each in moments))
            if moments
            else self._nan()
        )
