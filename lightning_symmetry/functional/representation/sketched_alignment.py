"""Alignments of wide layers from random projections of their samples, in memory that has a limit."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_device, check_integer
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.representation.alignment import matrix_alignment, shuffled_alignment
from lightning_symmetry.functional.sketch import random_projection


def sketched_samples(samples: Tensor, dimension: int = 1024, seed: int = 0) -> Tensor:
    r"""Project wide samples onto a few random directions, and keep the sum of their features beside it.

    .. math:: x \mapsto \Bigl(\tfrac{1}{\sqrt q} \Omega^\top x,\ \tfrac{1}{\sqrt k} \sum_j x_j\Bigr)

    The covariance of these q + 1 numbers is all that :func:`sketched_alignment` needs of one of k.

    Args:
        samples: tensor ``(..., n, k)``.
        dimension: q, at least 2.
        seed: of the directions, see :func:`~lightning_symmetry.functional.random_projection`.

    Returns:
        Tensor ``(..., n, q + 1)``, float32 or better; the samples themselves where k is at most q + 1.

    Raises:
        ValueError: if ``samples`` is not real with at least two dimensions, or ``dimension`` less than 2.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import sketched_samples
        >>> sketched_samples(torch.ones(3, 1000), dimension=64).shape
        torch.Size([3, 65])
    """
    check_integer(dimension, "dimension")
    check(dimension >= 2, "dimension", "be at least 2", dimension)
    rows = as_rows(samples, "samples")
    width = rows.shape[-1]
    if width <= dimension + 1:
        return rows
    total = rows.sum(dim=-1, keepdim=True) / math.sqrt(width)
    return torch.cat([random_projection(rows, dimension, seed), total], dim=-1)


def sketched_alignment(one: Tensor, other: Tensor, width: int) -> Tensor:
    r"""Estimate the alignment of two matrices of k features from those of their sketched samples.

    .. math:: \alpha = \frac{C_{AB}}{\sqrt{C_{AA} C_{BB}}}, \qquad
        C_{AB} = \frac{\operatorname{tr}(\tilde A \tilde B) - \operatorname{tr} \tilde A
        \operatorname{tr} \tilde B / q}{(1 - 1/q)(1 + 2/q)} - a\, b

    with the projected parts :math:`\tilde A, \tilde B` and the corners a, b. The mean of C over the
    directions is k² times the covariance of the entries (second moments of a Wishart matrix). The standard
    deviation of α is at most some :math:`2 (1 - \alpha^2) / \sqrt q`, less for a flat spectrum.

    Args:
        one: covariance or Gram matrix ``(..., q + 1, q + 1)`` of :func:`sketched_samples`.
        other: that of other samples of the same features, along the same directions.
        width: k. Where it is the size of the matrices, nothing was sketched and the result is exact.

    Returns:
        As :func:`~lightning_symmetry.functional.matrix_alignment`.

    Raises:
        ValueError: if the two are not real square matrices of the same shape.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import sketched_alignment, sketched_samples
        >>> sketch = sketched_samples(torch.eye(500), dimension=64)
        >>> sketched_alignment(sketch.mT @ sketch, 2 * sketch.mT @ sketch, width=500)
        tensor(1.)
    """
    _check_sketches(one, other, width)
    if one.shape[-1] == width:
        return matrix_alignment(one, other)
    first, second = _sketches(one, other, width)
    variances = _covariation(first, first).clamp(min=0) * _covariation(second, second).clamp(min=0)
    return ratio(_covariation(first, second), variances.sqrt()).clamp(-1, 1)


def sketched_shuffled_alignment(one: Tensor, other: Tensor, width: int) -> Tensor:
    """Estimate what :func:`shuffled_alignment` gives from the matrices of sketched samples.

    Args:
        one: as for :func:`sketched_alignment`.
        other: as for :func:`sketched_alignment`.
        width: as for :func:`sketched_alignment`.

    Returns:
        As :func:`~lightning_symmetry.functional.matrix_alignment`.

    Raises:
        ValueError: if the two are not real square matrices of the same shape.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import sketched_samples, sketched_shuffled_alignment
        >>> sketch = sketched_samples(torch.eye(500), dimension=64)
        >>> sketched_shuffled_alignment(sketch.mT @ sketch, sketch.mT @ sketch, width=500).round(decimals=1)
        tensor(1.)
    """
    _check_sketches(one, other, width)
    if one.shape[-1] == width:
        return shuffled_alignment(one, other)
    shares = [
        ratio(_trace(matrix) - matrix[..., -1, -1], _covariation(matrix, matrix).clamp(min=0).sqrt())
        for matrix in _sketches(one, other, width)
    ]
    return (shares[0] * shares[1] / (width - 1)).clamp(-1, 1)


def sketched_gram(rows: Tensor, dimension: int = 1024, seed: int = 0) -> Tensor:
    """Compute the Gram matrix of the columns, of their sketch where there are many.

    Args:
        rows: tensor ``(..., n, k)``.
        dimension: as for :func:`sketched_samples`.
        seed: as for :func:`sketched_samples`.

    Returns:
        Tensor of k or ``dimension + 1`` rows and columns.
    """
    columns = sketched_samples(rows, dimension, seed).mT
    return inner_products(columns, columns)


def _check_sketches(one: Tensor, other: Tensor, width: int) -> None:
    check_device(as_rows(other, "other"), as_rows(one, "one"), "other", "one")
    check_integer(width, "width")


def _sketches(one: Tensor, other: Tensor, width: int) -> list[Tensor]:
    matrices = [as_rows(one, "one"), as_rows(other, "other")]
    shape = tuple(matrices[0].shape)
    check(3 <= shape[-1] == shape[-2] < width, "one", f"be square and smaller than {width}", shape)
    check(matrices[1].shape == shape, "other", f"have the shape {shape}", tuple(matrices[1].shape))
    return [rescaled([matrix])[0] for matrix in matrices]


def _covariation(one: Tensor, other: Tensor) -> Tensor:
    """Sum over the entries of both matrices, less their means, multiplied: an unbiased estimate."""
    count = one.shape[-1] - 1
    traces = _trace(one) * _trace(other)
    if one is other:
        product = frobenius_norm(one[..., :-1, :-1]).square()
    else:
        product = (one * other)[..., :-1, :-1].sum(dim=-1).sum(dim=-1)
    unbiased = (product - traces / count) / ((1 - 1 / count) * (1 + 2 / count))
    return unbiased - one[..., -1, -1] * other[..., -1, -1]


def _trace(matrix: Tensor) -> Tensor:
    return matrix.diagonal(dim1=-2, dim2=-1)[..., :-1].sum(dim=-1)
