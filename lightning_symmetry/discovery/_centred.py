"""Matrices that leave the mean alone."""

from __future__ import annotations

import torch
from torch import Tensor


def lifted(element: Tensor) -> Tensor:
    """The matrices of size n + 1 that act like ``element`` of size n orthogonally to the constant vector.

    Args:
        element: Matrices ``(copies, n, n)``.

    Returns:
        Matrices ``(copies, n + 1, n + 1)``; they and their transposes fix the constant vector.
    """
    size = element.shape[-1] + 1
    basis = _helmert(size).to(element)
    return basis.mT @ element @ basis + element.new_full((size, size), 1 / size)


def _helmert(size: int) -> Tensor:
    """An orthonormal basis, in rows, of the vectors whose entries sum to zero."""
    rows = torch.arange(1, size, dtype=torch.float64)
    matrix = torch.ones(size - 1, size, dtype=torch.float64).tril()
    matrix[torch.arange(size - 1), torch.arange(1, size)] = -rows
    return matrix / (rows * (rows + 1)).sqrt().unsqueeze(-1)
