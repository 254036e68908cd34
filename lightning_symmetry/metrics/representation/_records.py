"""Matrices as flat vectors that say their shape: processes may gather them even if some have none."""

import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat


def write(matrix: Tensor) -> Tensor:
    """Flatten a matrix behind its shape.

    Args:
        matrix: tensor ``(m, n)``.

    Returns:
        Tensor ``(2 + m n,)``.
    """
    return torch.cat([matrix.new_tensor(matrix.shape), matrix.flatten()])


def read(state: Tensor | list[Tensor]) -> list[Tensor]:
    """Read all matrices that were written, one behind the other.

    Waits for the device, once a matrix.

    Args:
        state: a vector or several.

    Returns:
        The matrices, views of the vector if there was one.
    """
    if len(state) == 0:
        return []
    rest, matrices = dim_zero_cat(state), []
    while len(rest):
        rows, columns = (int(size) for size in rest[:2].tolist())
        end = 2 + rows * columns
        matrices.append(rest[2:end].view(rows, columns))
        rest = rest[end:]
    return matrices
