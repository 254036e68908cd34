"""Activations of any layout as one sample a row."""

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_integer


def as_samples(features: Tensor, dim: int = -1, mask: Tensor | None = None) -> Tensor:
    """Arrange activations into rows: every token and every position of an image is a sample.

    Args:
        features: tensor of at least two dimensions: ``(batch, features)``, ``(batch, tokens, features)``, or
            ``(batch, channels, height, width)`` with ``dim=1``.
        dim: the dimension of the features.
        mask: boolean tensor of the shape of ``features`` without that dimension, true for what counts and
            false for padding. Selecting by it waits for the device.

    Returns:
        Tensor ``(samples, features)``, of the dtype of ``features``.

    Raises:
        ValueError: if ``features`` is not a floating-point tensor of at least two dimensions, has no
            dimension ``dim``, or ``mask`` is not boolean or does not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import as_samples
        >>> images = torch.zeros(2, 3, 4, 5)
        >>> as_samples(images, dim=1).shape
        torch.Size([40, 3])
        >>> tokens = torch.tensor([[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [0.0, 0.0]]])
        >>> as_samples(tokens, mask=torch.tensor([[True, True], [True, False]]))
        tensor([[1., 2.],
                [3., 4.],
                [5., 6.]])
    """
    check(isinstance(features, Tensor), "features", "be a tensor", type(features).__name__)
    check(features.is_floating_point(), "features", "be real and floating-point", features.dtype)
    check(features.ndim >= 2, "features", "have at least two dimensions", tuple(features.shape))
    check_integer(dim, "dim")
    check(-features.ndim <= dim < features.ndim, "dim", f"be a dimension of {tuple(features.shape)}", dim)
    rows = features.movedim(dim, -1)
    if mask is None:
        return rows.flatten(end_dim=-2)
    check(isinstance(mask, Tensor), "mask", "be a tensor", type(mask).__name__)
    check(mask.dtype == torch.bool, "mask", "be boolean", mask.dtype)
    check(mask.shape == rows.shape[:-1], "mask", f"have shape {tuple(rows.shape[:-1])}", tuple(mask.shape))
    return rows[mask]
