"""What every function accepts: real tensors of shape ``(..., n, k)``, summed in float32 or better."""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check_device


def as_rows(tensor: Tensor, name: str) -> Tensor:
    """Check one tensor ``(..., n, k)`` and promote it to the precision that sums are taken in.

    Half precision keeps 8 or 11 bits: a sum of a few hundred squares would already be lost in it, so float16
    and bfloat16 become float32. Wider types stay as they are.

    Args:
        tensor: real floating-point tensor of at least two dimensions.
        name: what to call it in an error.

    Returns:
        The same values in float32 or float64.

    Raises:
        ValueError: if ``tensor`` is not a real floating-point tensor of at least two dimensions.
    """
    if not isinstance(tensor, Tensor):
        raise ValueError(f"`{name}` must be a tensor, got {type(tensor).__name__}")
    if not tensor.is_floating_point():
        raise ValueError(f"`{name}` must be real and floating-point, got dtype {tensor.dtype}")
    if tensor.ndim < 2:
        raise ValueError(f"`{name}` must have shape (..., n, k), got {tuple(tensor.shape)}")
    return tensor.to(torch.promote_types(tensor.dtype, torch.float32))


def as_units(tensor: Tensor, name: str) -> Tensor:
    """Check and promote one tensor ``(..., n, k)`` of which every row is a unit.

    Args:
        tensor: real floating-point tensor with n at least 1.
        name: what to call it in an error.

    Returns:
        The same values in float32 or float64.

    Raises:
        ValueError: if ``tensor`` is not acceptable or holds no unit.
    """
    rows = as_rows(tensor, name)
    if rows.shape[-2] == 0:
        raise ValueError(f"`{name}` must hold at least one unit, got shape {tuple(rows.shape)}")
    return rows


def as_legs(legs: Sequence[Tensor], name: str) -> list[Tensor]:
    """Check and promote the legs of one index space: same copies, same units, any number of coordinates each.

    Args:
        legs: tensors ``(..., n, k_l)``.
        name: what to call them in an error.

    Returns:
        The same values in float32 or float64, one tensor a leg.

    Raises:
        ValueError: if there is no leg, if one is not acceptable, or if two disagree before their last
            dimension.
    """
    if isinstance(legs, Tensor):  # iterating it would silently take its first dimension for the legs
        raise ValueError(
            f"`{name}` must be a sequence of tensors, got one tensor of shape {tuple(legs.shape)}"
        )
    if not isinstance(legs, Collection):
        raise ValueError(f"`{name}` must be a sequence of tensors, got {type(legs).__name__}")
    if len(legs) == 0:
        raise ValueError(f"`{name}` must hold at least one tensor, got none")
    rows = [as_units(leg, f"{name}[{index}]") for index, leg in enumerate(legs)]
    for index, leg in enumerate(rows):
        check_device(leg, rows[0], f"{name}[{index}]", f"{name}[0]")
        if leg.shape[:-1] != rows[0].shape[:-1]:
            raise ValueError(
                f"`{name}[{index}]` must agree with `{name}[0]` in all dimensions but the last, "
                f"got {tuple(leg.shape)} and {tuple(rows[0].shape)}"
            )
    return rows
