r"""The Hilbert-Schmidt independence criterion of two kernels, and the kernel alignment that it gives.

With kernels K, L whose rows sum to zero, the biased criterion is the sum of :math:`K_{ij} L_{ij}`, and the
unbiased one of Song et al., "Feature Selection via Dependence Maximization", JMLR 13 (2012), eq. 5, with
:math:`\tilde K, \tilde L` of zero diagonal,

.. math:: \mathrm{HSIC}_1 = \frac{1}{n(n-3)} \Bigl[\operatorname{tr} \tilde K \tilde L
    + \frac{1^\top \tilde K 1\, 1^\top \tilde L 1}{(n-1)(n-2)}
    - \frac{2}{n-2} 1^\top \tilde K \tilde L 1\Bigr],

needs four sums: what a row holds off the diagonal is minus what it holds on it, so the three terms are
:math:`\sum K_{ij} L_{ij} - \sum K_{ii} L_{ii}`, :math:`\operatorname{tr} K \operatorname{tr} L` and
:math:`\sum K_{ii} L_{ii}`. Nothing is lost by centring: HSIC₁ does not change when :math:`a_i + a_j` is added
to a kernel.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio

_RESOLUTION = 4 * torch.finfo(torch.float32).eps
"""Share of a kernel's square that rounding of float32 features may leave of its unbiased criterion."""


class KernelSums(NamedTuple):
    """What is needed of two kernels whose rows sum to zero.

    Attributes:
        samples: n, how many there are.
        product: the sum of all :math:`K_{ij} L_{ij}`.
        left: the trace of K.
        right: the trace of L.
        diagonal: the sum of all :math:`K_{ii} L_{ii}`.
    """

    samples: Tensor
    product: Tensor
    left: Tensor
    right: Tensor
    diagonal: Tensor


def unbiased_hsic(sums: KernelSums) -> Tensor:
    """Compute HSIC₁.

    Args:
        sums: of a pair of kernels.

    Returns:
        Tensor of the shape of ``sums.product``; NaN for fewer than four samples.
    """
    n, product, left, right, diagonal = sums
    value = (product - n / (n - 2) * diagonal + left * right / ((n - 1) * (n - 2))) / (n * (n - 3))
    return torch.where(n > 3, value, math.nan)


def kernel_alignment(both: KernelSums, one: KernelSums, other: KernelSums) -> Tensor:
    """Compute centred kernel alignment from the biased criterion.

    Args:
        both: sums of the two kernels.
        one: sums of the first kernel with itself.
        other: sums of the second kernel with itself.

    Returns:
        Tensor between 0 and 1; 0 where a kernel is constant.
    """
    return cosine(both.product, one.product, other.product)


def unbiased_kernel_alignment(both: KernelSums, one: KernelSums, other: KernelSums) -> Tensor:
    """Compute centred kernel alignment from the unbiased criterion.

    Args:
        both: sums of the two kernels.
        one: sums of the first kernel with itself.
        other: sums of the second kernel with itself.

    Returns:
        Tensor between -1 and 1; 0 where nothing of a kernel is left beside :math:`a_i + a_j`, and NaN for
        fewer than four samples.
    """
    squares = [_above_rounding(sums) for sums in (one, other)]
    return cosine(unbiased_hsic(both), *squares)


def cosine(product: Tensor, one: Tensor, other: Tensor) -> Tensor:
    """Divide an inner product by the roots of two squares.

    Args:
        product: the inner product.
        one: square of the first factor, of the same shape.
        other: square of the second.

    Returns:
        Tensor of the same shape; 0 where a square is not positive.
    """
    return ratio(ratio(product, root(one)), root(other))


def _above_rounding(sums: KernelSums) -> Tensor:
    square = unbiased_hsic(sums)
    rounding = _RESOLUTION * sums.product / (sums.samples * (sums.samples - 3))
    return torch.where(square <= rounding, 0.0, square)


def root(square: Tensor) -> Tensor:
    """Take the root, and answer 0 where the square is not positive, with a finite gradient there too."""
    # A root has infinite slope at zero: there the safe branch keeps gradients finite.
    none = square <= 0
    return torch.where(none, 0.0, torch.where(none, 1.0, square).sqrt())
