"""Mean and covariance of samples in one pass: batches, processes and masks join to the same numbers."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows


class Moments(NamedTuple):
    r"""How many samples there were, their mean, and their products around it.

    Takes :math:`k^2 + k + 1` numbers a copy, however many samples went in. The total is exact up to 2²⁴
    samples in float32, and beyond as long as they come in batches.

    Attributes:
        total: how many, tensor of shape ``...``, of the same floating-point type as the rest.
        mean: tensor ``(..., k)``; 0 if there was no sample.
        scatter: tensor ``(..., k, k)``, :math:`\sum_i (x_i - \bar x)(x_i - \bar x)^\top`.
    """

    total: Tensor
    mean: Tensor
    scatter: Tensor

    def merge(self, other: Moments) -> Moments:
        r"""Join the moments of two sets of samples.

        .. math:: S = S_1 + S_2 + \frac{n_1 n_2}{n}\, \delta \delta^\top, \qquad \delta = \bar x_2 - \bar x_1

        Chan, Golub & LeVeque, "Algorithms for computing the sample variance", 1983: nothing cancels, as it
        would in a sum of squares less the square of a sum.

        Args:
            other: moments of the same shape.

        Returns:
            The moments of all samples together.
        """
        total = self.total + other.total
        share = ratio(other.total, total).unsqueeze(-1)
        step = other.mean - self.mean
        weight = (self.total.unsqueeze(-1) * share).unsqueeze(-1)
        between = weight * step.unsqueeze(-1) * step.unsqueeze(-2)
        return Moments(total, self.mean + share * step, self.scatter + other.scatter + between)

    def covariance(self) -> Tensor:
        """Compute the covariance, E[xxᵀ] − E[x]E[x]ᵀ.

        Returns:
            Tensor ``(..., k, k)``, zero for a single sample; NaN if there was none.
        """
        return self.scatter / self.total[..., None, None]

    def second_moment(self) -> Tensor:
        """Compute the raw second moment, E[xxᵀ].

        Returns:
            Tensor ``(..., k, k)``; NaN if there was no sample.
        """
        return self.covariance() + self.mean.unsqueeze(-1) * self.mean.unsqueeze(-2)

    def packed(self) -> Tensor:
        r"""Put all into one tensor, which a process can send in one piece.

        Returns:
            Tensor ``(..., k + 1, k + 1)``: the scatter, bordered by the mean, with the total in the corner.
        """
        border = torch.cat([self.mean, self.total.unsqueeze(-1)], dim=-1)
        rows = torch.cat([self.scatter, self.mean.unsqueeze(-2)], dim=-2)
        return torch.cat([rows, border.unsqueeze(-1)], dim=-1)

    @classmethod
    def unpacked(cls, packed: Tensor) -> Moments:
        """Read what :meth:`packed` wrote.

        Args:
            packed: tensor ``(..., k + 1, k + 1)``; zeros are the moments of no sample.

        Returns:
            The moments.
        """
        return cls(packed[..., -1, -1], packed[..., -1, :-1], packed[..., :-1, :-1])


def moments(samples: Tensor, mask: Tensor | None = None) -> Moments:
    r"""Compute count, mean and scatter of samples.

    The samples are taken relative to the first of them, so that features that are constant have a scatter of
    exactly zero, and features with a large mean lose no digits.

    Args:
        samples: tensor ``(..., n, k)``, one sample a row.
        mask: bool tensor ``(..., n)``, false for rows that are padding, whatever these hold.

    Returns:
        The moments, in float32 or better; NaN for a copy of which a sample is not finite.

    Raises:
        ValueError: if ``samples`` is not real with at least two dimensions, or ``mask`` does not fit it.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import moments
        >>> batches = torch.tensor([[1.0, 0.0], [3.0, 0.0]]), torch.tensor([[2.0, 3.0]])
        >>> moments(batches[0]).merge(moments(batches[1])).covariance()
        tensor([[0.6667, 0.0000],
                [0.0000, 2.0000]])
    """
    rows = as_rows(samples, "samples")
    valid = _as_mask(mask, rows)
    count = valid.to(rows.dtype).sum(dim=-1)
    if rows.shape[-2] == 0:
        return Moments(count, rows.sum(dim=-2), inner_products(rows.mT, rows.mT))
    first = valid.to(torch.uint8).argmax(dim=-1)[..., None, None].expand(*rows.shape[:-2], 1, rows.shape[-1])
    origin = torch.where(valid.any(dim=-1)[..., None, None], rows.gather(-2, first), 0.0)
    shifted = torch.where(valid.unsqueeze(-1), rows - origin, 0.0)
    mean = ratio(shifted.sum(dim=-2), count.unsqueeze(-1))
    columns = torch.where(valid.unsqueeze(-1), shifted - mean.unsqueeze(-2), 0.0).mT
    return Moments(count, origin.squeeze(-2) + mean, inner_products(columns, columns))


def merge_packed(stacked: Tensor) -> Tensor:
    """Join packed moments, of batches or of processes, one after the other.

    Args:
        stacked: tensor ``(parts, ..., k + 1, k + 1)``.

    Returns:
        Tensor ``(..., k + 1, k + 1)``.
    """
    joined = Moments.unpacked(stacked[0])
    for part in stacked[1:]:
        joined = joined.merge(Moments.unpacked(part))
    return joined.packed()


def _as_mask(mask: Tensor | None, rows: Tensor) -> Tensor:
    shape = rows.shape[:-1]
    if mask is None:
        return torch.ones(shape, dtype=torch.bool, device=rows.device)
    check(isinstance(mask, Tensor), "mask", "be a tensor", type(mask).__name__)
    check(mask.dtype == torch.bool, "mask", "be a bool tensor", mask.dtype)
    check(mask.shape == shape, "mask", f"have one entry a sample, {tuple(shape)}", tuple(mask.shape))
    return mask
