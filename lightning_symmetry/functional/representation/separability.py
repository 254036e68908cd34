"""How well classes can be told apart in features, without training anything."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, ratio
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.representation._precise import like, precise
from lightning_symmetry.functional.representation.class_moments import ClassMoments, class_moments
from lightning_symmetry.functional.representation.nearest_centre import nearest_centre_accuracy


class Separation(NamedTuple):
    """How well classes are separated, each number a tensor of shape ``...`` in [0, 1].

    Attributes:
        fisher_ratio: share of the variance that lies between classes.
        discriminant_ratio: the same in the metric of the features' own covariance.
        accuracy: leave-one-out accuracy of the nearest class mean.
    """

    fisher_ratio: Tensor
    discriminant_ratio: Tensor
    accuracy: Tensor


@torch.no_grad()
def separability(features: Tensor, labels: Tensor, num_classes: int) -> Separation:
    r"""Compute how far classes are separated, by variance, by linear discriminants and by nearest means.

    .. math:: \frac{\operatorname{Tr} \Sigma_B}{\operatorname{Tr} \Sigma_T}, \qquad
        \frac{\operatorname{Tr}(\Sigma_T^+ \Sigma_B)}{\min(K - 1, d)}, \qquad
        \Sigma_T = \Sigma_W + \Sigma_B, \quad \Sigma_B = \sum_k \frac{n_k}{n} (\mu_k - \mu)(\mu_k - \mu)^\top

    The first is Fisher's ratio (1936) as a share of the total, which rotation and scale leave alone. The
    second is Pillai's trace (1955) over its largest value: the mean squared canonical correlation of features
    and one-hot labels, what a least-squares linear probe would explain on the samples it is trained on. Any
    invertible linear map leaves it alone, and with fewer samples than features and classes together it is
    near 1 for any labels. The third is
    :func:`~lightning_symmetry.functional.nearest_centre_accuracy` of these samples. Classes without samples
    are left out. The second needs the eigenvalues of a d × d matrix, which makes a CUDA device wait.

    Args:
        features: tensor ``(..., n, d)``.
        labels: integer tensor ``(..., n)``, all less than K; negative for a sample to leave out.
        num_classes: K.

    Returns:
        The three numbers, float32 or better. For constant features the ratios are 0; for a single class
        everything is NaN, as for features that are not finite or a label that is K or more.

    Raises:
        ValueError: if a tensor is not acceptable or the shapes do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import separability
        >>> features = torch.tensor([[0.0, 3.0], [0.0, -3.0], [1.0, 3.0], [1.0, -3.0]])
        >>> separability(features, torch.tensor([0, 0, 1, 1]), 2)
        Separation(fisher_ratio=tensor(0.0270), discriminant_ratio=tensor(1.), accuracy=tensor(0.))
    """
    moments = class_moments(features, labels, num_classes)
    centres = torch.where(moments.counts.unsqueeze(-1) > 0, moments.means, math.nan)
    fisher, discriminant = separation_of(moments)
    accuracy = nearest_centre_accuracy(precise(features), labels, centres, moments.counts)
    found = (fisher, discriminant, torch.where(fisher.isnan(), math.nan, accuracy))
    return Separation(*(like(value, features) for value in found))


def separation_of(moments: ClassMoments) -> tuple[Tensor, Tensor]:
    """Compute the two ratios from moments.

    Args:
        moments: of all samples.

    Returns:
        Fisher's ratio and the discriminant ratio, float64 tensors ``...``.
    """
    counts, means, scatter = moments
    number = counts.sum(dim=-1)
    classes = (counts != 0).sum(dim=-1)
    mean = (counts.unsqueeze(-1) * means).sum(dim=-2) / number.unsqueeze(-1)
    apart = counts.sqrt().unsqueeze(-1) * (means - mean.unsqueeze(-2))
    between = inner_products(apart.mT, apart.mT)
    total = scatter + between
    trace = total.diagonal(dim1=-2, dim2=-1).sum(dim=-1)
    noise = torch.finfo(total.dtype).eps * number * frobenius_norm(mean.unsqueeze(-2))
    constant = trace <= noise.square()
    fisher = torch.where(constant, 0.0, apart.square().sum(dim=(-2, -1)) / trace)
    finite = total.isfinite().flatten(start_dim=-2).all(dim=-1)
    eigenvalues, vectors = torch.linalg.eigh(torch.where(finite[..., None, None], total, 0.0))
    floor = total.shape[-1] * torch.finfo(total.dtype).eps * trace.unsqueeze(-1)
    # lengths lose no digits where the between-class part of a direction is small
    explained = inner_products(vectors.mT, apart).square().sum(dim=-1)
    shares = torch.where(eigenvalues > floor, ratio(explained, eigenvalues), 0.0)
    most = (classes - 1).clamp(max=total.shape[-1]).to(total.dtype)
    discriminant = torch.where(constant, 0.0, shares.sum(dim=-1) / most)
    known = finite & (classes > 1)
    return tuple(finite_or_nan(torch.where(known, v, math.nan)) for v in (fisher, discriminant))  # type: ignore[return-value]
