"""Order parameters of huge models from random projections, for about one read of the weights."""

import math
from functools import lru_cache

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_integer
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.rank import participation_ratio

_STREAM = 0x5CE7C4A1


def random_projection(rows: Tensor, dimension: int = 64, seed: int = 0) -> Tensor:
    r"""Project rows onto a few random directions, which keeps their lengths and distances on average.

    .. math:: x \mapsto \frac{1}{\sqrt q} \Omega^\top x, \qquad \Omega_{ij} \sim N(0, 1)

    A squared length or distance comes out right within a factor 1 ± ε with probability at least
    :math:`1 - 2 e^{-q(\varepsilon^2 - \varepsilon^3)/4}`, and with a relative standard deviation of
    :math:`\sqrt{2/q}`, 18 % for 64 directions (Johnson & Lindenstrauss 1984; Dasgupta & Gupta 2003). Rows
    that are equal stay equal.

    Args:
        rows: tensor ``(..., n, k)``.
        dimension: q, the number of directions, at least 1.
        seed: of the directions, which depend on k, q and nothing else: the same in every process.

    Returns:
        Tensor ``(..., n, q)``, float32 or better; the rows themselves where q is not less than k.

    Raises:
        ValueError: if ``rows`` is not real with at least two dimensions, or ``dimension`` not positive.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import random_projection
        >>> random_projection(torch.ones(3, 1000)).square().sum(dim=-1).sqrt().round()
        tensor([29., 29., 29.])
    """
    check_integer(dimension, "dimension")
    check(dimension >= 1, "dimension", "be at least 1", dimension)
    given = as_rows(rows, "rows")
    width = given.shape[-1]
    if dimension >= width:
        return given
    return inner_products(given, projection(width, dimension, seed, given.dtype, given.device))


def sketched_participation_ratio(matrix: Tensor, dimension: int = 64, seed: int = 0) -> Tensor:
    r"""Estimate the participation ratio from a random projection of the rows.

    .. math:: \frac{T}{S}, \qquad S = \frac{b - a/q}{(1 - 1/q)(1 + 2/q)}, \qquad T = a - \frac{2}{q} S

    with :math:`a = (\operatorname{tr} A)^2`, :math:`b = \lVert A \rVert_F^2` and the Gram matrix A of the
    projected rows: S and T have :math:`\lVert K \rVert_F^2` and :math:`(\operatorname{tr} K)^2` as their
    means (the second moments of a Wishart matrix). For 64 directions the relative standard deviation is
    at most 5 %, for matrices of up to 600 rows of any rank.

    Args:
        matrix: tensor ``(..., m, n)``.
        dimension: q, the number of directions, at least 2.
        seed: of the directions.

    Returns:
        Tensor of shape ``...``, float32 or better, between 1 and min(m, n); 0 for a zero matrix and NaN for
        one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions, or ``dimension`` less than 2.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import sketched_participation_ratio
        >>> sketched_participation_ratio(torch.ones(50, 1000)).round()
        tensor(1.)
    """
    check_integer(dimension, "dimension")
    check(dimension >= 2, "dimension", "be at least 2", dimension)
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    if dimension >= rows.shape[-1]:
        return participation_ratio(rows)
    estimate = participation_of_projection(random_projection(rows, dimension, seed))
    return estimate.clamp(max=max(1, min(rows.shape[-2:])))


def participation_of_projection(projection: Tensor) -> Tensor:
    """Estimate the participation ratio of a matrix from a random projection of its rows.

    Args:
        projection: tensor ``(..., n, q)``, q at least 2.

    Returns:
        Tensor of shape ``...``, between 1 and n; 0 for zeros and NaN where the projection is not finite.
    """
    (rows,) = rescaled([projection])
    count = rows.shape[-1]
    gram = inner_products(rows.mT, rows.mT)
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1).square()
    square = (frobenius_norm(gram).square() - trace / count) / ((1 - 1 / count) * (1 + 2 / count))
    trace = trace - 2 / count * square
    most = max(1, rows.shape[-2])
    return ratio(trace, torch.maximum(square, trace / most)).clamp(max=most)


def projected(units: Tensor, dimension: int, seed: int) -> Tensor:
    """Project units with several dimensions each, as they are stored.

    Where the entries of a unit lie at equal distances, they are multiplied by Gaussian directions. Otherwise
    arranging them so would cost more than projecting them: their first dimension is multiplied by Gaussian
    directions and the others by random signs, one for each direction. Lengths and distances still come out
    right on average; the standard deviation of a square is √(2/q) of it if the columns along the first
    dimension are orthogonal and up to twice that if they are parallel.

    Args:
        units: tensor ``(copies, n, k_1, ...)``, float32 or better.
        dimension: q, number of directions.
        seed: of the directions.

    Returns:
        Tensor ``(copies, n, q)``.
    """
    copies, n = units.shape[:2]
    if copies > 1 or units.ndim <= 3 or n == 1 or not units[0].transpose(0, 1).is_contiguous():
        rows = units.reshape(copies, n, -1)
        return inner_products(rows, projection(rows.shape[-1], dimension, seed, rows.dtype, rows.device))
    first, rest = units.shape[2], units.shape[3:].numel()
    along = projection(first, dimension, seed, units.dtype, units.device)
    once = inner_products(along, units[0].transpose(0, 1).reshape(first, n * rest).mT)
    signs = projection(rest, dimension, _STREAM + seed, units.dtype, units.device).sign()
    return torch.einsum("qnr,qr->nq", once.view(dimension, n, rest), signs).unsqueeze(0)


@lru_cache(maxsize=256)
def projection(width: int, dimension: int, seed: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Draw the directions of a projection, on the CPU: every device and every process has the same.

    Args:
        width: Coordinates of what is projected.
        dimension: q, the number of directions.
        seed: Of the directions.
        dtype: Of the result.
        device: Of the result.

    Returns:
        Tensor ``(q, width)`` of Gaussian numbers with variance 1/q; a caller must not change it.
    """
    # never the numbers that weights were drawn from with the same seed
    generator = torch.Generator().manual_seed(_STREAM + seed)
    drawn = torch.randn(dimension, width, generator=generator, dtype=torch.float64)
    return (drawn / math.sqrt(dimension)).to(device=device, dtype=dtype)
