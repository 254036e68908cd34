"""How much two matrices of the same features resemble each other, entry by entry."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._norm import frobenius_norm

_ROUNDING = 64


def matrix_alignment(one: Tensor, other: Tensor) -> Tensor:
    r"""Compute the Pearson correlation of the entries of two matrices.

    .. math:: \alpha(A, B) = \frac{\operatorname{cov}(A_{ij}, B_{ij})}
        {\sqrt{\operatorname{var}(A_{ij}) \operatorname{var}(B_{ij})}}

    The alignment of the canonical representation hypothesis (arXiv 2410.03006): 1 where :math:`A \propto B`.
    It is *not* 0 for unrelated covariances, since the diagonals of both stand out: compare it with
    :func:`shuffled_alignment` and with its value at initialisation.

    Args:
        one: tensor ``(..., m, n)``.
        other: tensor of the same shape.

    Returns:
        Tensor of shape ``...``, float32 or better, between -1 and 1; 0 where all entries of one of the two
        are equal, up to rounding, hence for a layer that does nothing, and NaN where one is not finite.

    Raises:
        ValueError: if the two are not real matrices of the same shape.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import matrix_alignment
        >>> matrix_alignment(torch.diag(torch.tensor([1.0, 2.0])), torch.eye(2))
        tensor(0.9045)
    """
    return _correlation(*_same_shape(one, other))


def off_diagonal_alignment(one: Tensor, other: Tensor) -> Tensor:
    r"""Compute the Pearson correlation of the entries of two matrices that are not on the diagonal.

    Its expectation is 0 for matrices that have nothing to do with each other (arXiv 2410.03006 for the
    correlation of all entries).

    Args:
        one: tensor ``(..., k, k)``.
        other: tensor of the same shape.

    Returns:
        As :func:`matrix_alignment`; 0 where there are fewer than two features.

    Raises:
        ValueError: if the two are not real square matrices of the same shape.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import off_diagonal_alignment
        >>> one = torch.tensor([[5.0, 1.0, 2.0], [1.0, 0.0, 3.0], [2.0, 3.0, 0.0]])
        >>> off_diagonal_alignment(one, one + torch.diag(torch.arange(3.0))).round(decimals=3)
        tensor(1.)
    """
    return _correlation(*(_off_diagonal(matrix) for matrix in _square(one, other)))


def shuffled_alignment(one: Tensor, other: Tensor) -> Tensor:
    r"""Compute the alignment that is left when the features of one matrix are renamed at random.

    .. math:: \frac{\mathbb E_\pi \operatorname{cov}(A, \pi B \pi^\top)}{\sqrt{\operatorname{var}(A)
        \operatorname{var}(B)}} = \alpha(A, I)\, \alpha(I, B)

    The mean over all permutations, in closed form: what two matrices have in common just because the
    diagonals of both stand out. The baseline of :func:`matrix_alignment` (arXiv 2410.03006).

    Args:
        one: tensor ``(..., k, k)``.
        other: tensor of the same shape.

    Returns:
        As :func:`matrix_alignment`.

    Raises:
        ValueError: if the two are not real square matrices of the same shape.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import shuffled_alignment
        >>> shuffled_alignment(torch.diag(torch.tensor([1.0, 2.0])), torch.diag(torch.tensor([2.0, 1.0])))
        tensor(0.8182)
    """
    one, other = _square(one, other)
    return _diagonal_share(one) * _diagonal_share(other)


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    return (_direction(one) * _direction(other)).sum(dim=-1).sum(dim=-1).clamp(-1, 1)


def _diagonal_share(matrix: Tensor) -> Tensor:
    """Correlation with the identity."""
    trace = _direction(matrix).diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    return (trace / math.sqrt(max(1, matrix.shape[-1] - 1))).clamp(-1, 1)


def _direction(matrix: Tensor) -> Tensor:
    """Entries less their mean, of norm one; zeros where rounding alone tells the entries apart."""
    (entries,) = rescaled([matrix])
    mean = entries.sum(dim=-1).sum(dim=-1) / max(1, entries.shape[-2] * entries.shape[-1])
    centred = entries - mean[..., None, None]
    size = frobenius_norm(centred)
    noise = size <= _ROUNDING * torch.finfo(entries.dtype).eps * frobenius_norm(entries)
    return ratio(centred, torch.where(noise, 0.0, size)[..., None, None])


def _off_diagonal(matrix: Tensor) -> Tensor:
    size = matrix.shape[-1]
    if size < 2:
        return matrix.new_zeros(*matrix.shape[:-2], 0, 1)
    # row by row, a diagonal entry follows every k others: in rows of k + 1 they make up one column
    entries = matrix.flatten(start_dim=-2)[..., 1:]
    return entries.reshape(*matrix.shape[:-2], size - 1, size + 1)[..., :-1]


def _same_shape(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    first, second = as_rows(one, "one"), as_rows(other, "other")
    check(first.shape == second.shape, "other", f"have the shape {tuple(first.shape)}", tuple(second.shape))
    return first, second


def _square(one: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    first, second = _same_shape(one, other)
    check(first.shape[-1] == first.shape[-2], "one", "be square", tuple(first.shape))
    return first, second
