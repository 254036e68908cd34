"""How many directions features use: RankMe of embeddings, and ranks of the features of any layer."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._spectral_ranks import entropy_rank, participation
from lightning_symmetry.functional._spectrum import singular_values
from lightning_symmetry.functional.representation._gram_spectrum import gram_singular_values
from lightning_symmetry.functional.representation._precise import like, precise
from lightning_symmetry.functional.representation.moments import Moments


class Ranks(NamedTuple):
    """Ranks of centred features, each a tensor of shape ``...``.

    Attributes:
        effective_rank: exponential of the entropy of the singular values.
        participation_ratio: that of their squares, the eigenvalues of the covariance.
    """

    effective_rank: Tensor
    participation_ratio: Tensor


def rankme(embeddings: Tensor, epsilon: float = 1e-7) -> Tensor:
    r"""Compute RankMe, the smooth rank by which self-supervised representations can be chosen without labels.

    .. math:: \exp\Bigl(-\sum_{k=1}^{\min(n, d)} p_k \log p_k\Bigr), \qquad
        p_k = \frac{\sigma_k}{\sum_j \sigma_j} + \epsilon

    Garrido, Balestriero, Najman & LeCun, "RankMe", ICML 2023, arXiv 2210.02885: the embeddings are not
    centred, and the p_k do not sum to one. With ``epsilon=0`` it is
    :func:`~lightning_symmetry.functional.effective_rank`, whose remarks on precision hold here too.

    Args:
        embeddings: tensor ``(..., n, d)``, one sample a row; the paper takes 25600 samples, and fewer than
            d of them limit the result.
        epsilon: the paper's constant, at least 0.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 for embeddings that are all zero and NaN for ones that
        are not finite.

    Raises:
        ValueError: if ``embeddings`` is not real with at least two dimensions, or ``epsilon`` negative.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import rankme
        >>> rankme(torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0])))
        tensor(3.3636)
    """
    check_number(epsilon, "epsilon")
    check(epsilon >= 0, "epsilon", "be at least 0", epsilon)
    (rows,) = rescaled([as_rows(embeddings, "embeddings")])
    return like(_rankme(singular_values(rows), epsilon), embeddings)


def rankme_of(moments: Moments, epsilon: float) -> Tensor:
    """Compute RankMe from moments.

    Args:
        moments: of all embeddings.
        epsilon: the paper's constant.

    Returns:
        Tensor of shape ``...``.
    """
    number, mean, scatter = moments
    products = scatter + number[..., None, None] * mean.unsqueeze(-1) * mean.unsqueeze(-2)
    sigma = gram_singular_values(products)
    order = torch.arange(sigma.shape[-1], device=sigma.device)
    return _rankme(sigma, epsilon, order < number.unsqueeze(-1))


def feature_ranks(features: Tensor) -> Ranks:
    r"""Compute how many directions the features of a layer vary in.

    .. math:: \exp\Bigl(-\sum_k p_k \log p_k\Bigr), \quad p_k = \frac{\sigma_k}{\sum_j \sigma_j}, \qquad
        \frac{(\sum_k \sigma_k^2)^2}{\sum_k \sigma_k^4} = \frac{(\operatorname{Tr} C)^2}{\lVert C \rVert_F^2}

    with σ the singular values of the features minus their mean and C their covariance: what
    :func:`~lightning_symmetry.functional.effective_rank` and
    :func:`~lightning_symmetry.functional.participation_ratio` are of weights. A mean far from zero, as
    after a ReLU, would be one direction that hides all others.

    Args:
        features: tensor ``(..., n, d)``, one sample a row.

    Returns:
        Both ranks, float32 or better, at most min(n − 1, d); 0 for constant features and for a single sample,
        and NaN for features that are not finite.

    Raises:
        ValueError: if ``features`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import feature_ranks
        >>> features = torch.tensor([[9.0, 1.0, 5.0], [9.0, -1.0, 5.0], [7.0, 1.0, 5.0], [7.0, -1.0, 5.0]])
        >>> feature_ranks(features)
        Ranks(effective_rank=tensor(2.), participation_ratio=tensor(2.))
    """
    (rows,) = rescaled([precise(as_rows(features, "features"))])
    if rows.shape[-2]:
        # relative to one of the samples first: features that are constant come out exactly zero
        rows = rows - rows[..., :1, :].detach()
        rows = rows - rows.mean(dim=-2, keepdim=True)
    sigma = singular_values(*rescaled([rows]))
    return Ranks(like(entropy_rank(sigma), features), like(participation(sigma), features))


def feature_ranks_of(moments: Moments) -> Ranks:
    """Compute the ranks from moments.

    Args:
        moments: of all features.

    Returns:
        Both ranks, tensors of shape ``...``.
    """
    sigma = gram_singular_values(moments.scatter)
    return Ranks(entropy_rank(sigma), participation(sigma))


def _rankme(sigma: Tensor, epsilon: float, counted: Tensor | None = None) -> Tensor:
    """The entropy with ε; 0 where all singular values are zero."""
    total = sigma.sum(dim=-1)
    p = ratio(sigma, total.unsqueeze(-1).expand_as(sigma)) + epsilon
    if counted is not None:
        p = torch.where(counted, p, 0.0)
    empty = p == 0
    logarithms = torch.where(empty, 1.0, p).log()
    rank = (-p * logarithms).sum(dim=-1).exp()
    return torch.where(total == 0, 0.0, torch.where(total.isfinite(), rank, math.nan))
