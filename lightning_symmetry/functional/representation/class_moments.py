"""First and second moments of features within classes, for one batch and for two sets of samples together."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_integer
from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation._precise import precise


class ClassMoments(NamedTuple):
    """What all measures of d features in K classes need of the samples: K + K d + d² numbers.

    Attributes:
        counts: samples of every class, float64 tensor ``(..., K)``.
        means: mean of every class, ``(..., K, d)``; 0 for a class without samples.
        scatter: sum over all samples of the outer square of what is left of them once their class's mean is
            subtracted, ``(..., d, d)``.
    """

    counts: Tensor
    means: Tensor
    scatter: Tensor


def class_moments(features: Tensor, labels: Tensor, num_classes: int) -> ClassMoments:
    r"""Compute the moments of one set of samples.

    .. math:: n_k = \sum_{i : y_i = k} 1, \qquad \mu_k = \frac1{n_k} \sum_{i : y_i = k} h_i, \qquad
        S = \sum_i (h_i - \mu_{y_i})(h_i - \mu_{y_i})^\top

    in float64, with the means subtracted before anything is squared.

    Args:
        features: tensor ``(..., n, d)``, one sample a row.
        labels: integer tensor ``(..., n)``. A negative one marks a sample without a class, which is left out.
        num_classes: K.

    Returns:
        The moments. Everything is NaN if there is a label of K or more, which cannot be refused without
        waiting for the device, and the moments that a NaN or an infinity enters are NaN.

    Raises:
        ValueError: if ``features`` is not real with at least two dimensions, ``labels`` are no integers or
            do not fit, or there is no class.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import class_moments
        >>> moments = class_moments(torch.tensor([[1.0], [3.0], [7.0]]), torch.tensor([0, 0, 1]), 2)
        >>> moments.counts.tolist(), moments.means.tolist(), moments.scatter.tolist()
        ([2.0, 1.0], [[2.0], [7.0]], [[2.0]])
    """
    rows = precise(as_rows(features, "features"))
    check_integer(num_classes, "num_classes")
    check(num_classes >= 1, "num_classes", "be at least 1", num_classes)
    check_labels(labels, features, "labels")
    labels = labels.to(rows.device, torch.int64)
    # two places more than there are classes: one for samples without a class, one for labels out of range
    index = torch.where(labels < 0, num_classes, torch.where(labels < num_classes, labels, num_classes + 1))
    every = index.unsqueeze(-1).expand_as(rows)
    counts = rows.new_zeros(*index.shape[:-1], num_classes + 2)
    counts = counts.scatter_add(-1, index, torch.ones_like(index, dtype=rows.dtype))
    sums = rows.new_zeros(*counts.shape, rows.shape[-1]).scatter_add(-2, every, rows)
    means = ratio(sums, counts.unsqueeze(-1).expand_as(sums))
    classless = (index >= num_classes).unsqueeze(-1)
    centred = torch.where(classless, 0.0, rows - means.gather(-2, every))
    wrong = torch.where(counts[..., -1:] > 0, math.nan, 0.0)
    return ClassMoments(
        counts[..., :num_classes] + wrong,
        means[..., :num_classes, :] + wrong.unsqueeze(-1),
        inner_products(centred.mT, centred.mT) + wrong.unsqueeze(-1),
    )


def merged(one: ClassMoments, other: ClassMoments) -> ClassMoments:
    r"""Compute the moments of two sets of samples together.

    .. math:: S = S_a + S_b + \sum_k \frac{n_{a,k}\, n_{b,k}}{n_{a,k} + n_{b,k}}\, \delta_k \delta_k^\top,
        \qquad \delta_k = \mu_{b,k} - \mu_{a,k}

    Chan, Golub & LeVeque 1979, for each class: nothing cancels, however far the features lie from zero.

    Args:
        one: moments of some samples.
        other: moments of others.

    Returns:
        The moments of all of them.
    """
    counts = one.counts + other.counts
    shift = other.means - one.means
    means = one.means + ratio(other.counts, counts).unsqueeze(-1) * shift
    apart = ratio(one.counts * other.counts, counts).sqrt().unsqueeze(-1) * shift
    return ClassMoments(counts, means, one.scatter + other.scatter + inner_products(apart.mT, apart.mT))


def check_labels(labels: Tensor, features: Tensor, name: str) -> None:
    """Refuse what is not one integer for every sample.

    Args:
        labels: what should be an integer tensor ``(..., n)``.
        features: tensor ``(..., n, d)``.
        name: what to call the labels in an error.

    Raises:
        ValueError: if they are no integers or do not fit.
    """
    check(isinstance(labels, Tensor), name, "be a tensor", type(labels).__name__)
    whole = not (labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool)
    check(whole, name, "be integers", labels.dtype)
    shape = tuple(features.shape[:-1])
    check(
        tuple(labels.shape) == shape, name, f"have shape {shape}, one for every sample", tuple(labels.shape)
    )
