"""Linear centred kernel alignment of a whole data set."""

from torch import Tensor

from lightning_symmetry.functional.representation._hsic import kernel_alignment, unbiased_kernel_alignment
from lightning_symmetry.metrics.representation._streamed import MomentMetric


class LinearCKA(MomentMetric):
    """Linear centred kernel alignment of two representations, exact for a whole data set.

    See :func:`~lightning_symmetry.functional.linear_cka`.
    All samples count at once, as in the functional form: nothing is averaged over batches. Three matrices are
    kept in float64, 8 [(d_a + 3)² + (d_b + 3)² + (d_a + 3)(d_b + 3)] bytes for any number of samples; project
    wider features first (:func:`~lightning_symmetry.functional.random_projection`). The products of a batch
    are taken in its own precision, relative to the mean of the first batch. Processes join what they have
    seen; samples that a sampler repeats to fill a batch count as often as they come.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import LinearCKA
        >>> metric = LinearCKA()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute()
        tensor(0.8013, dtype=torch.float64)
    """

    def compute(self) -> Tensor:
        """Compute the value for all samples so far.

        Waits for the device.

        Returns:
            0-d float64 tensor, between 0 and 1; 0 where a side is constant; NaN before the first update.
        """
        moments = self._moments()
        return kernel_alignment(*(each.kernel_sums() for each in moments)) if moments else self._nan()


class UnbiasedLinearCKA(MomentMetric):
    """Linear centred kernel alignment from unbiased estimates, exact for a whole data set.

    See :func:`~lightning_symmetry.functional.unbiased_linear_cka`.

    Keeps the same moments as :class:`LinearCKA`, in the same memory; a
    :class:`~torchmetrics.MetricCollection` that holds both accumulates them once.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import UnbiasedLinearCKA
        >>> metric = UnbiasedLinearCKA()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute()
        tensor(0.7952, dtype=torch.float64)
    """

    plot_lower_bound: float | None = None

    def compute(self) -> Tensor:
        """Compute the value for all samples so far.

        Waits for the device.

        Returns:
            0-d float64 tensor, between -1 and 1; 0 where a side is constant, and NaN for fewer than
            four samples, as before the first update.
        """
        moments = self._moments()
        return (
            unbiased_kernel_alignment(*(each.kernel_sums() for each in moments)) if moments else self._nan()
        )
