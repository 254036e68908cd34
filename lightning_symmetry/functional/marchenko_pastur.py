"""Which singular values of a weight matrix are learned, and which could be those of noise.

The singular values of an m x n matrix with independent entries of standard deviation s fill the interval
s|√n ± √m| (Marchenko & Pastur 1967). At initialisation all are inside; training pushes the modes that it
learns out of it (arXiv 2503.21536).
"""

import math
from numbers import Real

import torch
from torch import Tensor
from torch.nn.functional import pad

from lightning_symmetry.functional._check import check_integer
from lightning_symmetry.functional._finite import finite_or_nan, rescaled
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._spectrum import singular_values, without_rounding

# A variable with the Tracy-Widom law of real matrices stays below this with probability 0.995.
_TRACY_WIDOM = 2.4224


def marchenko_pastur_edges(rows: int, columns: int, std: Tensor | float) -> tuple[Tensor, Tensor]:
    r"""Compute the interval that the singular values of a large matrix of independent entries fill.

    .. math:: \sigma_\pm = \texttt{std} \cdot \lvert \sqrt{n} \pm \sqrt{m} \rvert

    The edges of the law of Marchenko & Pastur 1967, as arXiv 2503.21536 uses them. The largest singular
    value of a finite matrix scatters around the upper edge, by about ``std`` times the sixth root of 1/m
    for a square one.

    Args:
        rows: m, at least 1.
        columns: n, at least 1.
        std: standard deviation of the entries, a number or a tensor of any shape.

    Returns:
        Lower and upper edge, tensors of the shape of ``std``, float32 or better; NaN where ``std`` is not
        finite.

    Raises:
        ValueError: if ``rows`` or ``columns`` is less than 1, or ``std`` is no real floating-point tensor
        or number.

    Example:
        >>> from lightning_symmetry.functional import marchenko_pastur_edges
        >>> marchenko_pastur_edges(100, 400, std=0.1)
        (tensor(1.), tensor(3.))
    """
    for name, size in (("rows", rows), ("columns", columns)):
        check_integer(size, name)
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1, got {size}")
    if isinstance(std, Real):
        std = torch.tensor(float(std))
    if not isinstance(std, Tensor) or not std.is_floating_point():
        kind = std.dtype if isinstance(std, Tensor) else type(std).__name__
        raise ValueError(f"`std` must be a number or a real floating-point tensor, got {kind}")
    std = std.to(torch.promote_types(std.dtype, torch.float32))
    short, long = sorted([math.sqrt(rows), math.sqrt(columns)])
    return finite_or_nan(std * (long - short)), finite_or_nan(std * (long + short))


def bulk_std(matrix: Tensor) -> Tensor:
    r"""Estimate the standard deviation of the noise in a matrix, leaving out the modes it has learned.

    .. math:: \hat s = \Bigl(\frac{\sum_{i>k} \sigma_i^2}{(m - k)(n - k)}\Bigr)^{1/2}

    where k is the number of :func:`learned_modes`: beside k strong modes, noise is left with m - k rows and
    n - k columns (Kritchman & Nadler, IEEE Trans. Signal Process. 57, 2009). For independent entries without
    modes the estimate is their root mean square.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 for a zero matrix and NaN for one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import bulk_std
        >>> matrix = 0.1 * torch.randn(60, 80, generator=torch.Generator().manual_seed(0))
        >>> matrix[0] += 1
        >>> matrix.std(), bulk_std(matrix)
        (tensor(0.1630), tensor(0.0989))
    """
    rows = as_rows(matrix, "matrix")
    (unit,) = rescaled([rows])
    squares, tails = _squares(unit)
    count = _number_beyond(squares, tails, *rows.shape[-2:])
    variance = tails.gather(-1, count.unsqueeze(-1)).squeeze(-1)
    area = (rows.shape[-2] - count) * (rows.shape[-1] - count)
    empty = variance == 0
    std = torch.where(empty, 0.0, (torch.where(empty, 1.0, variance) / area.clamp(min=1)).sqrt())
    return std.to(device=rows.device, dtype=rows.dtype) * _largest_entry(rows)


@torch.no_grad()
def learned_modes(matrix: Tensor) -> Tensor:
    r"""Count the singular values beyond the noise, those that chance would not put there.

    .. math:: \max \Bigl\{k \le \tfrac p2 : \frac{\sigma_k^2}{\hat s_k^2} > e_k^2 + t\, e_k
        \Bigl(\tfrac1{\sqrt{m_k}} + \tfrac1{\sqrt{n_k}}\Bigr)^{1/3}\Bigr\},
        \qquad e_k = \sqrt{m_k} + \sqrt{n_k}

    The k-th is learned if it is too large for the largest of a matrix of noise of :math:`m_k = m - k + 1`
    rows and :math:`n_k = n - k + 1` columns whose singular values are those from the k-th on, and whose
    variance is therefore :math:`\hat s_k^2 = \sum_{i \ge k} \sigma_i^2 / (m_k n_k)`. Here :math:`e_k` is
    the upper edge of Marchenko & Pastur, and the second term allows for the fluctuations of finite matrices
    (Johnstone, Ann. Statist. 29, 2001) up to the 99.5 % quantile t of the law of Tracy & Widom.
    Measured against the variance of the same matrix the largest value fluctuates even less (Kritchman &
    Nadler, IEEE Trans. Signal Process. 57, 2009): **a matrix of independent noise shows a mode with a
    probability below 1 %**, whatever its size and shape.

    At most half of the p = min(m, n) singular values count as learned, for less than that is no bulk to
    compare with. A small matrix holds too few values to tell: one strong mode in a square matrix shows from
    six rows on. In a matrix without noise every direction counts, up to half of them, that rounding could
    not have made.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better, whole numbers from 0 to min(m, n) / 2; 0 for a zero
        matrix and NaN for one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import learned_modes
        >>> matrix = 0.1 * torch.randn(60, 80, generator=torch.Generator().manual_seed(0))
        >>> learned_modes(matrix)
        tensor(0.)
        >>> matrix[0] += 1
        >>> matrix[1, 0] += 8
        >>> learned_modes(matrix)
        tensor(2.)
    """
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    squares, tails = _squares(rows)
    count = _number_beyond(squares, tails, *rows.shape[-2:])
    value = torch.where(tails[..., 0].isfinite(), count.double(), math.nan)
    return value.to(device=rows.device, dtype=rows.dtype)


def _squares(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Squared singular values, descending, and what is left of their sum after the first 0, 1, ... p."""
    ascending = without_rounding(singular_values(rows), max(rows.shape[-2:])).square()
    return ascending.flip(-1), pad(ascending.cumsum(dim=-1), (1, 0)).flip(-1)


def _number_beyond(squares: Tensor, tails: Tensor, m: int, n: int) -> Tensor:
    half = min(m, n) // 2
    k = torch.arange(half, dtype=squares.dtype, device=squares.device)
    low, high = (m - k).sqrt(), (n - k).sqrt()
    limit = (low + high).square() + _TRACY_WIDOM * (low + high) * (1 / low + 1 / high) ** (1 / 3)
    beyond = squares[..., :half] * (m - k) * (n - k) > limit * tails[..., :half]
    ranked = pad(beyond * torch.arange(1, half + 1, device=squares.device), (1, 0))
    return ranked.amax(dim=-1)


def _largest_entry(rows: Tensor) -> Tensor:
    if rows.shape[-2] == 0 or rows.shape[-1] == 0:
        return rows.new_zeros(rows.shape[:-2])
    return rows.detach().abs().amax(dim=(-2, -1))
