"""How many directions a matrix uses, as a number that varies smoothly with its singular values σ.

Neither quantity depends on the scale of the matrix, both lie between 1 and the rank, and
``participation_ratio <= effective_rank`` always: the first weighs directions by σ², the second by σ.
"""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._gram import smaller_gram
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._norm import frobenius_norm


def participation_ratio(matrix: Tensor) -> Tensor:
    r"""Compute the participation ratio of the squared singular values.

    .. math:: \frac{\bigl(\sum_i \sigma_i^2\bigr)^2}{\sum_i \sigma_i^4}
        = \frac{(\operatorname{tr} K)^2}{\lVert K \rVert_F^2}, \qquad K = W W^\top

    A trace and a norm of the smaller Gram matrix: one matrix product, no decomposition.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better, between 1 and min(m, n); 0 for a zero matrix and NaN for
        one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import participation_ratio
        >>> participation_ratio(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        tensor(1.7664)
    """
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    gram = smaller_gram(rows)
    trace = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    return ratio(trace, frobenius_norm(gram)).square()


def effective_rank(matrix: Tensor) -> Tensor:
    r"""Compute the exponential of the entropy of the normalised singular values.

    .. math:: \exp\Bigl(-\sum_i p_i \log p_i\Bigr), \qquad p_i = \frac{\sigma_i}{\sum_j \sigma_j}

    The definition of Roy & Vetterli, "The effective rank", EUSIPCO 2007: p is proportional to σ, not to σ².

    The singular values are roots of the eigenvalues of the smaller Gram matrix, *in float64 for every input*.
    A root turns a relative error ε of an eigenvalue into √ε of the largest singular value: 1e-8 in float64,
    below what float32 weights can express, but 3e-4 in float32, which adds up over the many small directions
    of a low-rank matrix (1.43 instead of 1 for a 2048 x 2048 matrix of rank one). The result is good to 1e-4
    relative or better and costs less than float32 singular values from a few hundred rows on. On CUDA the
    eigenvalue solver waits for the device; on MPS, which has no float64, the eigenvalues come from the CPU.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor of shape ``...``, float32 or better, between 1 and min(m, n); 0 for a zero matrix and NaN for
        one that is not finite.

    Raises:
        ValueError: if ``matrix`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import effective_rank
        >>> effective_rank(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        tensor(3.3636)
    """
    (rows,) = rescaled([as_rows(matrix, "matrix")])
    gram = smaller_gram(rows.to("cpu" if rows.device.type == "mps" else rows.device).double())
    # The solver raises on non-finite input: hand it something finite and mark the result afterwards.
    finite = gram.isfinite().flatten(start_dim=-2).all(dim=-1)
    eigenvalues = torch.linalg.eigvalsh(torch.where(finite[..., None, None], gram, 0.0))
    positive = eigenvalues > 0
    # Roots and logarithms have infinite slope at zero: there the safe branch keeps gradients finite.
    sigma = torch.where(positive, torch.where(positive, eigenvalues, 1.0).sqrt(), 0.0)
    total = sigma.sum(dim=-1)
    p = torch.where(positive, ratio(sigma, total.unsqueeze(-1).expand_as(sigma)), 1.0)
    rank = torch.where(total > 0, (-p * p.log()).sum(dim=-1).exp(), 0.0)
    return torch.where(finite, rank, math.nan).to(device=rows.device, dtype=rows.dtype)
