"""Samples of length one."""

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional._legs import as_rows


def normalised_samples(samples: Tensor) -> Tensor:
    """Divide every sample by its norm.

    Args:
        samples: tensor ``(..., n, k)`` with k at least 1.

    Returns:
        Tensor of the same shape, float32 or better; a sample of zeros stays zero, one that is not finite is
        NaN.

    Raises:
        ValueError: if ``samples`` is not real with at least two dimensions, or has no features.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import normalised_samples
        >>> normalised_samples(torch.tensor([[3.0, 4.0], [0.0, 0.0]]))
        tensor([[0.6000, 0.8000],
                [0.0000, 0.0000]])
    """
    rows = as_rows(samples, "samples")
    check(rows.shape[-1] >= 1, "samples", "have at least one feature", tuple(rows.shape))
    # gradients of late training are so small that their squares are zero in float32
    scaled = ratio(rows, rows.detach().abs().amax(dim=-1, keepdim=True))
    return ratio(scaled, torch.linalg.vector_norm(scaled, dim=-1, keepdim=True))
