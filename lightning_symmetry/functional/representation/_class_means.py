"""Class means about their mean, and the directions in which they differ."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import peak
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.representation.class_moments import ClassMoments


class ClassMeans(NamedTuple):
    """What there is between classes.

    Attributes:
        present: which classes have samples, boolean ``(..., K)``.
        number: how many have, ``...``.
        centred: their means minus the mean of these, ``(..., K, d)``; 0 for a class without samples.
        sigma: singular values of that matrix, ``(..., p)``; 0 for those that rounding could have made.
        directions: its right singular vectors, ``(..., p, d)``; 0 where ``sigma`` is.
        apart: whether any two class means differ beyond rounding, ``...``; true also where they are NaN.
    """

    present: Tensor
    number: Tensor
    centred: Tensor
    sigma: Tensor
    directions: Tensor
    apart: Tensor


def class_means(moments: ClassMoments) -> ClassMeans:
    """Compare the means of the classes that have samples, all of equal weight.

    Args:
        moments: of all samples.

    Returns:
        What there is between classes.
    """
    means = moments.means
    present = moments.counts != 0  # a count of NaN is there, and spoils what it enters
    number = present.sum(dim=-1).to(means.dtype)
    middle = means.sum(dim=-2) / number.clamp(min=1).unsqueeze(-1)
    centred = torch.where(present.unsqueeze(-1), means - middle.unsqueeze(-2), 0.0)
    # The solver raises on non-finite input: hand it something finite and mark the result afterwards.
    finite = centred.isfinite().flatten(start_dim=-2).all(dim=-1)[..., None, None]
    size = peak(torch.where(finite, centred, 0.0))
    _, sigma, directions = torch.linalg.svd(torch.where(finite, centred, 0.0) / size, full_matrices=False)
    sigma = sigma * size.squeeze(-1)
    # K means about their mean span K − 1 directions, and rounding is relative to the means themselves.
    floor = max(centred.shape[-2:]) * torch.finfo(means.dtype).eps * frobenius_norm(means)
    order = torch.arange(sigma.shape[-1], device=sigma.device)
    kept = (order < number.unsqueeze(-1) - 1) & ~(sigma <= floor.unsqueeze(-1))
    marked = torch.where(finite.squeeze(-1), torch.where(kept, sigma, 0.0), math.nan)
    directions = directions * kept.unsqueeze(-1)
    return ClassMeans(present, number, centred, marked, directions, (marked != 0).any(dim=-1))
