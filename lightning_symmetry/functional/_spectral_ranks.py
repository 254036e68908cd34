"""Ranks from singular values."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check_number
from lightning_symmetry.functional._finite import ratio


def entropy_rank(sigma: Tensor) -> Tensor:
    """The exponential of the entropy of σ/Σσ; 0 where all are zero.

    Args:
        sigma: singular values ``(..., p)``.

    Returns:
        Tensor of shape ``...``.
    """
    empty = sigma == 0
    total = sigma.sum(dim=-1)
    # A logarithm has infinite slope at zero: there the safe branch keeps gradients finite.
    p = torch.where(empty, 1.0, ratio(sigma, total.unsqueeze(-1).expand_as(sigma)))
    return torch.where(total == 0, 0.0, (-p * p.log()).sum(dim=-1).exp())


def participation(sigma: Tensor) -> Tensor:
    """(Σσ²)²/Σσ⁴; 0 where all are zero."""
    squares = _relative(sigma).square()
    return ratio(squares.sum(dim=-1).square(), squares.square().sum(dim=-1))


def spectral_share(sigma: Tensor) -> Tensor:
    """Σσ²/max σ²; 0 where all are zero."""
    return _relative(sigma).square().sum(dim=-1)


def number_above(sigma: Tensor, tolerance: float) -> Tensor:
    """Count the singular values beyond a fraction of the largest.

    Args:
        sigma: singular values ``(..., p)``.
        tolerance: the fraction.

    Returns:
        Tensor of shape ``...``; NaN where a singular value is.

    Raises:
        ValueError: if the fraction is not in [0, 1).
    """
    check_number(tolerance, "tolerance")
    if not 0 <= tolerance < 1:
        raise ValueError(f"`tolerance` must be at least 0 and less than 1, got {tolerance!r}")
    count = (_relative(sigma) > tolerance).sum(dim=-1).to(sigma.dtype)
    return torch.where(sigma.isfinite().all(dim=-1), count, math.nan)


def _relative(sigma: Tensor) -> Tensor:
    if sigma.shape[-1] == 0:
        return sigma
    return ratio(sigma, sigma.amax(dim=-1, keepdim=True).expand_as(sigma))
