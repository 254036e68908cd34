"""Two representations of the same samples, taken in float64 and centred."""

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_device
from lightning_symmetry.functional._legs import as_units


def as_pair(a: Tensor, b: Tensor, least: int = 1) -> tuple[Tensor, Tensor]:
    """Check the features of the same samples on two sides, and promote them to float32 or better.

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row.
        b: tensor ``(..., n, d_b)``.
        least: the smallest n that will do.

    Returns:
        Both in float32 or float64.

    Raises:
        ValueError: if one is not acceptable, or they do not agree in all dimensions but the last.
    """
    one, other = as_units(a, "a"), as_units(b, "b")
    check_device(other, one, "b", "a")
    if one.shape[:-1] != other.shape[:-1]:
        raise ValueError(
            f"`b` must agree with `a` in all dimensions but the last, "
            f"got {tuple(other.shape)} and {tuple(one.shape)}"
        )
    check(one.shape[-2] >= least, "a", f"hold at least {least} samples", one.shape[-2])
    return one, other


def wide(tensor: Tensor) -> Tensor:
    """Convert to float64, where sums over a data set are kept; float32 on MPS, which has nothing wider."""
    return tensor.to(torch.float32 if tensor.device.type == "mps" else torch.float64)


def precision(a: Tensor, b: Tensor) -> torch.dtype:
    """Return the dtype of a result: the wider of the two, float32 or better."""
    return torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)


def centred(rows: Tensor) -> Tensor:
    """Subtract the mean of the samples; equal rows give exactly zero, whatever the mean rounds to.

    Args:
        rows: tensor ``(..., n, d)`` with n at least 1.

    Returns:
        Tensor of the same shape.
    """
    shifted = rows - rows[..., :1, :]
    return shifted - shifted.mean(dim=-2, keepdim=True)
