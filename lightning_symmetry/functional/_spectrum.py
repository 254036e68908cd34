"""Singular values and vectors by way of the smaller Gram matrix, in float64 for every input.

A root turns a relative error ε of an eigenvalue into √ε of the largest singular value: 1e-8 in float64,
below what float32 weights can express, but 3e-4 in float32. On CUDA the eigenvalue solver waits for the
device; on MPS, which has no float64, everything here happens on the CPU.
"""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional._gram import inner_products, smaller_gram


def singular_values(rows: Tensor) -> Tensor:
    """Compute the singular values of matrices whose entries are of order one, such as rescaled ones.

    Args:
        rows: tensor ``(..., m, n)``.

    Returns:
        float64 tensor ``(..., min(m, n))``, ascending; NaN for a copy that is not finite. Gradients are
        finite also where a singular value is zero.
    """
    gram, finite = _finite(smaller_gram(_precise(rows)))
    return torch.where(finite, _roots(torch.linalg.eigvalsh(gram)), math.nan)


def roots_of_eigenvalues(gram: Tensor, finite: Tensor) -> Tensor:
    """Compute the singular values of matrices from the lower half of their Gram matrices.

    Args:
        gram: float64 tensor ``(..., p, p)``, which is overwritten where it is not finite.
        finite: which copies are, ``...``.

    Returns:
        As :func:`singular_values`.
    """
    finite = finite.to(gram.device).unsqueeze(-1)
    gram.masked_fill_(~finite.unsqueeze(-1), 0.0)  # the solver raises on what is not a number
    # the transpose of its lower half is copied as it is stored
    return torch.where(finite, _roots(torch.linalg.eigvalsh(gram.mT, UPLO="U")), math.nan)


def right_singular_vectors(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the singular values and the right singular vectors of rescaled matrices.

    Args:
        rows: tensor ``(..., m, n)``.

    Returns:
        float64 tensors ``(..., p)`` and ``(..., p, n)`` with p = min(m, n): singular values, ascending, and
        one vector of length one a row, zero where the singular value is. NaN for a copy that is not finite.
    """
    rows = _precise(rows)
    gram, finite = _finite(smaller_gram(rows))
    eigenvalues, vectors = torch.linalg.eigh(gram)
    right = vectors.mT
    if rows.shape[-2] <= rows.shape[-1]:  # the vectors are the left ones
        right = right @ torch.where(finite.unsqueeze(-1), rows, 0.0)
    right = ratio(right, torch.linalg.vector_norm(right, dim=-1, keepdim=True).expand_as(right))
    sigma = _roots(eigenvalues)
    return (
        torch.where(finite, sigma, math.nan),
        torch.where(finite.unsqueeze(-1), right * (sigma > 0).unsqueeze(-1), math.nan),
    )


def through(writers: Tensor, readers: Tensor) -> Tensor:
    """Compute the singular values of ``readers.mT @ writers`` from Gram matrices of the shared dimension.

    Args:
        writers: rescaled tensor ``(..., n, k)``.
        readers: rescaled tensor ``(..., n, k')``.

    Returns:
        float64 tensor ``(..., n)``, ascending; NaN for a copy that is not finite.
    """
    (one, other), finite = zip(*(_finite(_gram(_precise(side))) for side in (writers, readers)), strict=True)
    eigenvalues, vectors = torch.linalg.eigh(one)
    root = vectors * _roots(eigenvalues).unsqueeze(-2)
    sigma = _roots(torch.linalg.eigvalsh(root.mT @ other @ root))
    sigma = without_rounding(sigma, max(writers.shape[-1], *readers.shape[-2:], 1))
    return torch.where(finite[0] & finite[1], sigma, math.nan).to(writers.device)


def without_rounding(sigma: Tensor, size: int) -> Tensor:
    """Set to zero the singular values that rounding alone could have made.

    Squaring in the Gram matrix costs half the digits: a direction that the matrix does not use comes out at
    up to the root of ``size`` ε, relative to the largest. Float32 weights say nothing at that level either.

    Args:
        sigma: singular values ``(..., p)`` in float64.
        size: the longer side of the matrix.

    Returns:
        Tensor of the same shape.
    """
    if sigma.shape[-1] == 0:
        return sigma
    floor = 4 * math.sqrt(size * torch.finfo(sigma.dtype).eps) * sigma.amax(dim=-1, keepdim=True)
    return torch.where(sigma <= floor, 0.0, sigma)


def _precise(rows: Tensor) -> Tensor:
    return rows.to("cpu" if rows.device.type == "mps" else rows.device).double()


def _gram(rows: Tensor) -> Tensor:
    return inner_products(rows, rows)


def _finite(gram: Tensor) -> tuple[Tensor, Tensor]:
    # The solver raises on non-finite input: hand it something finite and mark the result afterwards.
    finite = gram.isfinite().flatten(start_dim=-2).all(dim=-1).unsqueeze(-1)
    return torch.where(finite.unsqueeze(-1), gram, 0.0), finite


def _roots(eigenvalues: Tensor) -> Tensor:
    positive = eigenvalues > 0
    # A root has infinite slope at zero: there the safe branch keeps gradients finite.
    return torch.where(positive, torch.where(positive, eigenvalues, 1.0).sqrt(), 0.0)
