"""Which units of a layer have fallen silent: a sign of lost plasticity."""

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional._clusters import where_finite
from lightning_symmetry.functional._finite import finite_or_nan, ratio
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation._precise import like, precise


def dormancy_scores(activations: Tensor) -> Tensor:
    r"""Compute the mean activation of every unit in units of the mean of its layer.

    .. math:: s_i = \frac{\mathbb E_x |h_i(x)|}{\frac1d \sum_k \mathbb E_x |h_k(x)|}

    Sokar, Agarwal, Castro & Evci, "The Dormant Neuron Phenomenon", ICML 2023, arXiv 2302.12902, definition
    3.1. The scores of a layer average to 1.

    Args:
        activations: tensor ``(..., n, d)`` after the non-linearity, one unit a column; see
            :func:`~lightning_symmetry.functional.as_samples` for channels and tokens.

    Returns:
        Tensor ``(..., d)``, float32 or better; 0 everywhere for a layer that is silent altogether, and NaN
        everywhere where an activation is not finite, or without samples.

    Raises:
        ValueError: if ``activations`` is not real with at least two dimensions.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import dormancy_scores
        >>> dormancy_scores(torch.tensor([[1.0, 0.0, 0.1], [-4.0, 0.0, 0.3]]))
        tensor([2.7778, 0.0000, 0.2222])
    """
    return like(scores_of(precise(as_rows(activations, "activations")).abs().mean(dim=-2)), activations)


@torch.no_grad()
def dormant_units(activations: Tensor, threshold: float = 0.025) -> Tensor:
    r"""Count the units that are hardly active, in units of the mean of the layer.

    .. math:: \#\{i : s_i \le \tau\}

    with the scores of :func:`dormancy_scores`. τ = 0 counts the units that are silent on all samples.

    Args:
        activations: tensor ``(..., n, d)`` after the non-linearity, one unit a column.
        threshold: τ, at least 0.

    Returns:
        Tensor of shape ``...``, float32 or better, between 0 and d, all units for a silent layer; NaN where
        an activation is not finite, and without samples.

    Raises:
        ValueError: if ``activations`` is not real with at least two dimensions, or ``threshold`` negative.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import dormant_units
        >>> activations = torch.tensor([[1.0, 0.0, 0.1], [4.0, 0.0, 0.3]])
        >>> dormant_units(activations), dormant_units(activations, threshold=0.25)
        (tensor(1.), tensor(2.))
    """
    check_number(threshold, "threshold")
    check(threshold >= 0, "threshold", "be at least 0", threshold)
    return count_dormant(dormancy_scores(activations), threshold)


def scores_of(sizes: Tensor) -> Tensor:
    """Compare the mean absolute activations of units with their mean.

    Args:
        sizes: tensor ``(..., d)``.

    Returns:
        Tensor of the same shape.
    """
    return finite_or_nan(ratio(sizes, sizes.mean(dim=-1, keepdim=True).expand_as(sizes)))


def count_dormant(scores: Tensor, threshold: float) -> Tensor:
    """Count the scores that are no larger than the threshold.

    Args:
        scores: tensor ``(..., d)``.
        threshold: τ.

    Returns:
        Tensor of shape ``...``, NaN where a score is.
    """
    return where_finite(scores, (scores <= threshold).sum(dim=-1))
