"""Inner products of rows, the one expensive operation of this package."""

import torch
from torch import Tensor


def inner_products(rows: Tensor, columns: Tensor) -> Tensor:
    """Compute ``rows @ columns.mT`` in the precision of its inputs, whatever autocast says.

    Under mixed precision a matrix product of float32 tensors silently runs in half precision; differences of
    inner products, which distances and charges are, would not survive that. The process-wide choice
    ``torch.set_float32_matmul_precision`` is respected: with "high" (TF32) expect relative errors of 1e-3.

    Args:
        rows: tensor ``(..., n, k)``.
        columns: tensor ``(..., m, k)``.

    Returns:
        Tensor ``(..., n, m)``.
    """
    device = rows.device.type
    if torch.amp.is_autocast_available(device):
        with torch.autocast(device, enabled=False):
            return _product(rows, columns.mT)
    return _product(rows, columns.mT)


def smaller_gram(matrix: Tensor) -> Tensor:
    """Compute the Gram matrix of the shorter side, which has the same non-zero spectrum as the other one.

    Args:
        matrix: tensor ``(..., m, n)``.

    Returns:
        Tensor ``(..., min(m, n), min(m, n))``.
    """
    if matrix.shape[-2] > matrix.shape[-1]:
        matrix = matrix.mT
    return inner_products(matrix, matrix)


def _product(one: Tensor, other: Tensor) -> Tensor:
    copies = one.shape[:-2]
    if one.ndim == 2 or copies != other.shape[:-2] or copies.numel() != 1:
        return one @ other
    # a single product is faster than a batch of one, most of all where an operand is transposed
    single = one.flatten(end_dim=-3)[0] @ other.flatten(end_dim=-3)[0]
    return single.reshape(*copies, *single.shape)
