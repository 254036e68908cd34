"""Singular values of a matrix that is known by its Gram matrix alone."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import peak


def gram_singular_values(gram: Tensor) -> Tensor:
    """Compute the roots of the eigenvalues.

    In float64 a root turns the relative rounding 1e-16 of the largest eigenvalue into 1e-8 of the largest
    singular value: smaller ones are noise of that size. The solver makes a CUDA device wait.

    Args:
        gram: symmetric float64 tensor ``(..., d, d)`` without negative eigenvalues but for rounding.

    Returns:
        Tensor ``(..., d)``, descending; NaN for a copy that is not finite.
    """
    finite = gram.isfinite().flatten(start_dim=-2).all(dim=-1)[..., None, None]
    safe = torch.where(finite, gram, 0.0)
    size = peak(safe)
    roots = torch.linalg.eigvalsh(safe / size).flip(-1).clamp(min=0).sqrt() * size.squeeze(-1).sqrt()
    return torch.where(finite.squeeze(-1), roots, math.nan)
