"""The real numbers that tensors hold: complex ones are seen as real ones with a last axis of length two."""

from __future__ import annotations

import torch
from torch import Tensor


def real(tensor: Tensor) -> Tensor:
    """Return the numbers of a tensor, without a copy."""
    return torch.view_as_real(tensor) if tensor.is_complex() else tensor


def like(tensor: Tensor, numbers: Tensor) -> Tensor:
    """Return numbers as a tensor holds its own."""
    return torch.view_as_complex(numbers) if tensor.is_complex() else numbers
