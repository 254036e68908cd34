"""Centred kernel alignment with Gaussian kernels, which look at near samples."""

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional.representation._hsic import KernelSums, unbiased_kernel_alignment
from lightning_symmetry.functional.representation._pair import as_pair, centred, precision, wide


def unbiased_rbf_cka(a: Tensor, b: Tensor, fraction: float = 0.8) -> Tensor:
    r"""Compute centred kernel alignment of Gaussian kernels, from unbiased estimates of its three terms.

    .. math:: K_{ij} = \exp\Bigl(-\frac{\lVert x_i - x_j \rVert^2}{2 \sigma^2}\Bigr), \qquad
        \sigma = \texttt{fraction} \cdot \operatorname{median}_{i<j} \lVert x_i - x_j \rVert

    arXiv 1905.00414, section 3, with the criterion of Song et al., JMLR 13 (2012), eq. 5. All n² entries of
    both kernels are held in float64: 16 n² bytes and as much again while they are computed.

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row, at least four of them.
        b: tensor ``(..., n, d_b)``, the same samples.
        fraction: bandwidth in units of the median distance, positive; arXiv 1905.00414 uses .2, .4 and .8.
            The larger it is, the closer is the value to that of linear kernels.

    Returns:
        Tensor of shape ``...``, float32 or better, between -1 and 1; 0 where at least half of the distances
        on a side are zero, and NaN where a side is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last or hold fewer than four samples, or
            ``fraction`` is not positive.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import unbiased_rbf_cka
        >>> line = torch.arange(6.0).unsqueeze(-1)
        >>> unbiased_rbf_cka(line, 3 - 2 * line), unbiased_rbf_cka(line, line.square())
        (tensor(1.), tensor(0.9619))
    """
    check_number(fraction, "fraction")
    check(fraction > 0, "fraction", "be positive", fraction)
    return unbiased_kernel_alignment(*rbf_sums(*as_pair(a, b, least=4), fraction)).to(precision(a, b))


def rbf_sums(a: Tensor, b: Tensor, fraction: float) -> tuple[KernelSums, KernelSums, KernelSums]:
    """Compute what centred alignment needs of the Gaussian kernels of two sets of features.

    Args:
        a: tensor ``(..., n, d_a)``.
        b: tensor ``(..., n, d_b)``.
        fraction: bandwidth in units of the median distance.

    Returns:
        Sums of both kernels, of the first with itself, and of the second with itself, in float64.
    """
    one, other = (_kernel(rows, fraction) for rows in (a, b))
    return _sums(one, other), _sums(one, one), _sums(other, other)


def _kernel(rows: Tensor, fraction: float) -> Tensor:
    (x,) = rescaled([centred(wide(rows))])
    square = x.square().sum(dim=-1)
    distances = square.unsqueeze(-1) + square.unsqueeze(-2) - 2 * inner_products(x, x)
    distances = distances.clamp(min=0) * (1 - torch.eye(x.shape[-2], dtype=x.dtype, device=x.device))
    width = 2 * fraction**2 * _median_of_pairs(distances).unsqueeze(-1).unsqueeze(-1)
    kernel = torch.exp(-ratio(distances, width.expand_as(distances)))
    means = kernel.mean(dim=-1)
    total = means.mean(dim=-1).unsqueeze(-1).unsqueeze(-1)
    return kernel - means.unsqueeze(-1) - means.unsqueeze(-2) + total


def _median_of_pairs(squares: Tensor) -> Tensor:
    # In order, the n zeros of the diagonal come first and every pair twice.
    n = squares.shape[-1]
    pairs = n * (n - 1) // 2
    return squares.detach().flatten(start_dim=-2).kthvalue(n + 2 * ((pairs - 1) // 2) + 1, dim=-1).values


def _sums(one: Tensor, other: Tensor) -> KernelSums:
    left, right = (kernel.diagonal(dim1=-2, dim2=-1) for kernel in (one, other))
    return KernelSums(
        one.new_tensor(one.shape[-1]),
        (one * other).sum(dim=-1).sum(dim=-1),
        left.sum(dim=-1),
        right.sum(dim=-1),
        (left * right).sum(dim=-1),
    )
