r"""Whether two networks agree on the inner products of features, :math:`\langle h(x_1), h(x_2) \rangle`.

Independently trained networks are found to do so (universality: Ziyin, Xu, Poggio & Chuang, arXiv
2502.05300). All pairs of two *different* samples count, with features as they are: nothing is centred but
what a correlation centres.
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import rescaled
from lightning_symmetry.functional.representation._grams import gram_products
from lightning_symmetry.functional.representation._hsic import cosine, root
from lightning_symmetry.functional.representation._pair import as_pair, precision, wide


def inner_product_correlation(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute the correlation of the inner products of two sets of features over all pairs of samples.

    .. math:: \operatorname{corr}_{i \neq j}\bigl(\langle a_i, a_j \rangle, \langle b_i, b_j \rangle\bigr)

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row, at least two of them.
        b: tensor ``(..., n, d_b)``, the same samples.

    Returns:
        Tensor of shape ``...``, float32 or better and summed in float64, between -1 and 1; 0 where all inner
        products on a side are equal, and NaN where a side is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last, or hold fewer than two samples.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import inner_product_correlation
        >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> inner_product_correlation(square, 3 * square), inner_product_correlation(square, square[:, :1])
        (tensor(1.), tensor(0.5000))
    """
    return correlation(*_pair_sums(*as_pair(a, b, least=2))).to(precision(a, b))


def inner_product_error(a: Tensor, b: Tensor) -> Tensor:
    r"""Compute the relative difference of the inner products of two sets of features after the best scale.

    .. math:: \min_{s \ge 0} \sqrt{\frac{\sum_{i \neq j} (s \langle a_i, a_j \rangle
        - \langle b_i, b_j \rangle)^2}{\sum_{i \neq j} \langle b_i, b_j \rangle^2}} = \sqrt{1 - c^2}

    with c the cosine of the two lists of inner products, or 1 where it is negative; the same with a and b
    exchanged. Where all features share a large mean, all inner products are large and equal, and the error is
    small whatever the networks do: look at the correlation too.

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row, at least two of them.
        b: tensor ``(..., n, d_b)``, the same samples.

    Returns:
        Tensor of shape ``...``, float32 or better and summed in float64, between 0 and 1, where rounding adds
        some 1e-8; 1 where all inner products on a side are zero, and NaN where a side is not finite.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last, or hold fewer than two samples.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import inner_product_error
        >>> square = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
        >>> inner_product_error(square, square[:, :1])
        tensor(0.8165)
    """
    return relative_error(*_pair_sums(*as_pair(a, b, least=2))).to(precision(a, b))


class PairSums(NamedTuple):
    """Sums over all ordered pairs of different samples.

    Attributes:
        pairs: n(n - 1), their number.
        product: of the products of both sides' inner products.
        left: of the first side's inner products.
        right: of the second side's.
    """

    pairs: Tensor
    product: Tensor
    left: Tensor
    right: Tensor


def correlation(both: PairSums, one: PairSums, other: PairSums) -> Tensor:
    """Compute the correlation over all pairs.

    Args:
        both: sums of the two sides.
        one: sums of the first side with itself.
        other: sums of the second side with itself.

    Returns:
        Tensor of the shape of ``both.product``.
    """
    variances = [torch.where(_is_rounding(sums), 0.0, _covariance(sums)) for sums in (one, other)]
    return cosine(_covariance(both), *variances)


def relative_error(both: PairSums, one: PairSums, other: PairSums) -> Tensor:
    """Compute the relative difference over all pairs after the best scale.

    Args:
        both: sums of the two sides.
        one: sums of the first side with itself.
        other: sums of the second side with itself.

    Returns:
        Tensor of the shape of ``both.product``; NaN if there is no pair.
    """
    agreement = cosine(both.product, one.product, other.product)
    return torch.where(both.pairs > 0, root(1 - agreement.clamp(min=0).square()), math.nan)


def _pair_sums(a: Tensor, b: Tensor) -> tuple[PairSums, PairSums, PairSums]:
    x, y = (rescaled([wide(rows)])[0] for rows in (a, b))
    n = x.shape[-2]
    pairs = x.new_tensor(n * (n - 1))
    squares = [rows.square().sum(dim=-1) for rows in (x, y)]
    left, right = (
        rows.sum(dim=-2).square().sum(dim=-1) - square.sum(dim=-1)
        for rows, square in zip((x, y), squares, strict=True)
    )
    both, one, other = gram_products(x, y)
    k, l = squares  # noqa: E741  # the diagonals of the two Gram matrices
    return (
        PairSums(pairs, both - (k * l).sum(dim=-1), left, right),
        PairSums(pairs, one - k.square().sum(dim=-1), left, left),
        PairSums(pairs, other - l.square().sum(dim=-1), right, right),
    )


def _covariance(sums: PairSums) -> Tensor:
    return sums.product / sums.pairs - sums.left / sums.pairs * (sums.right / sums.pairs)


def _is_rounding(sums: PairSums) -> Tensor:
    return _covariance(sums) * sums.pairs <= 64 * torch.finfo(sums.product.dtype).eps * sums.product
