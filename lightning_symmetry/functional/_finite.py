"""Numbers stay finite as long as the weights are, and are NaN from then on."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor


def rescaled(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Divide tensors ``(..., n, k_l)`` by their largest absolute entry, one common divisor per copy.

    A Gram matrix squares the weights and its norm squares them again: in float32 a layer that collapsed to
    1e-10 would read as zero. The divisor counts as a constant for gradients, which is exact for functions of
    degree zero. A copy of zeros stays zero; one non-finite entry makes NaN of its copy's largest entry, so
    that it is never lost.

    Args:
        tensors: tensors sharing all dimensions before the last two.

    Returns:
        The tensors with entries in [-1, 1].
    """
    divisor = peak(*tensors)
    return [tensor / divisor for tensor in tensors]


def peak(*tensors: Tensor) -> Tensor:
    """Find the largest absolute entry of every copy.

    Args:
        tensors: tensors ``(..., n, k_l)`` sharing all dimensions before the last two.

    Returns:
        Tensor ``(..., 1, 1)``, 1 for a copy of zeros, NaN for one that is not a number. A constant for
        gradients.
    """
    filled = [tensor.detach() for tensor in tensors if tensor.shape[-2] and tensor.shape[-1]]
    if not filled:
        return torch.ones_like(tensors[0].detach().sum(dim=(-2, -1), keepdim=True))
    largest = filled[0].abs().amax(dim=(-2, -1), keepdim=True)
    for tensor in filled[1:]:
        largest = torch.maximum(largest, tensor.abs().amax(dim=(-2, -1), keepdim=True))
    return torch.where(largest == 0, torch.ones_like(largest), largest)


def ratio(part: Tensor, whole: Tensor) -> Tensor:
    """Divide, and answer 0 where the whole is 0, with a finite gradient there too.

    Args:
        part: any tensor.
        whole: tensor of the same shape.

    Returns:
        ``part / whole``, of the same shape.
    """
    empty = whole == 0
    # Both branches of `where` are differentiated: the divisor has to be safe before the result is masked.
    return torch.where(empty, 0.0, part / torch.where(empty, 1.0, whole))


def finite_or_nan(value: Tensor) -> Tensor:
    """Turn infinities into NaN: a broken run shall not read as a large number.

    Args:
        value: any floating-point tensor.

    Returns:
        The same values, NaN where they were infinite.
    """
    return torch.where(value.isfinite(), value, math.nan)
