"""Centred kernel alignment with Gaussian kernels, from batches."""

from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional.representation._hsic import cosine, unbiased_hsic
from lightning_symmetry.functional.representation.rbf_cka import rbf_sums
from lightning_symmetry.metrics.representation._streamed import PairMetric, as_batch


class UnbiasedRBFCKA(PairMetric):
    r"""Centred kernel alignment of Gaussian kernels, from unbiased estimates averaged over batches.

    See :func:`~lightning_symmetry.functional.unbiased_rbf_cka`. The average over batches is that of Nguyen et
    al., arXiv 2010.15327, section 3.1,

    .. math:: \frac{\sum_t w_t \mathrm{HSIC}_1(K_t, L_t)}
        {\sqrt{\sum_t w_t \mathrm{HSIC}_1(K_t, K_t) \sum_t w_t \mathrm{HSIC}_1(L_t, L_t)}}

    with the number of samples as the weight of a batch; those of fewer than four say nothing and are left
    out. Each batch has the bandwidth of its own median distance, so neither the order of the batches nor the
    process that sees them matters. Unlike the linear alignment this is an estimate, which depends on how the
    samples are batched: at a given bandwidth each of the three means is unbiased, and its variance is that of
    one batch over the number of batches. For m samples a batch varies as :math:`1/m` if the sides depend on
    each other, and as :math:`1/m^2` if not. :meth:`standard_error` estimates what comes of it. Keeps 32
    numbers.

    Args:
        fraction: bandwidth in units of the median distance, positive.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``fraction`` is not positive.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import UnbiasedRBFCKA
        >>> metric = UnbiasedRBFCKA()
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, torch.cat([x, torch.randn(32, 2, generator=generator)], dim=-1))
        >>> metric.compute(), metric.standard_error()
        (tensor(0.7521, dtype=torch.float64), tensor(0.0096, dtype=torch.float64))
    """

    plot_lower_bound: float | None = None

    def __init__(self, fraction: float = 0.8, **kwargs: Any) -> None:
        check_number(fraction, "fraction")
        check(fraction > 0, "fraction", "be positive", fraction)
        super().__init__(**kwargs)
        self.fraction = fraction
        # `MetricCollection` lets metrics share one state as soon as names and first values coincide.
        self._state_name = f"criteria_{fraction}"
        self.add_state(self._state_name, default=[], dist_reduce_fx="cat")

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add a batch.

        Args:
            a: tensor ``(n, d_a)``, one sample a row.
            b: tensor ``(n, d_b)``, the same samples.

        Raises:
            ValueError: if one is not real and floating-point with two dimensions, or if the two do not hold
                the same number of samples.
        """
        one, other = as_batch(a, b)
        if len(one) < 4:
            return
        criteria = [unbiased_hsic(sums) for sums in rbf_sums(one, other, self.fraction)]
        entries = torch.stack([*criteria, torch.ones_like(criteria[0])])
        products = torch.outer(entries, entries)
        added = torch.stack([len(one) * products, len(one) ** 2 * products])
        setattr(self, self._state_name, [(added + self._total()).flatten()])

    def compute(self) -> Tensor:
        """Compute the estimate from all batches so far.

        Returns:
            0-d float64 tensor; 0 where a side is constant, NaN before the first batch of four samples.
        """
        (both, one, other), _ = self._means()
        return cosine(both, one, other)

    def standard_error(self) -> Tensor:
        r"""Estimate the standard deviation of the estimate from how much the batches differ.

        The root of :math:`g^\top \Sigma g`, with the gradient g of the ratio and, for the three criteria h of
        a batch, :math:`\Sigma = \sum_t w_t^2 (h_t - \bar h) (h_t - \bar h)^\top / (\sum_t w_t)^2`. It is of
        first order, which takes some ten batches, and knows those of this process only.

        Returns:
            0-d float64 tensor; 0 after one batch and where a side is constant, NaN before the first batch.
        """
        (both, one, other), covariance = self._means()
        value = cosine(both, one, other)
        positive = (one > 0) & (other > 0)
        slope = torch.stack(
            [cosine(torch.ones_like(both), one, other), -value / (2 * one), -value / (2 * other)]
        )
        variance = torch.dot(slope, torch.mv(covariance, slope)).clamp(min=0)
        return torch.where(positive | value.isnan(), variance, 0.0).sqrt()

    def _total(self) -> Tensor:
        state = getattr(self, self._state_name)
        if len(state) == 0:
            return torch.zeros(2, 4, 4, device=self.device)
        total: Tensor = dim_zero_cat(state).view(-1, 2, 4, 4).sum(dim=0)
        return total

    def _means(self) -> tuple[Tensor, Tensor]:
        weighted, squared = self._total()
        total = weighted[3, 3]
        means = weighted[3, :3] / total
        mixed = torch.outer(squared[3, :3], means)
        deviations = squared[:3, :3] - mixed - mixed.mT + squared[3, 3] * torch.outer(means, means)
        return means, deviations / total.square()
