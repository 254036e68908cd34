"""Classifying features by the nearest class mean."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._finite import ratio
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation._precise import like, precise
from lightning_symmetry.functional.representation.class_moments import check_labels


@torch.no_grad()
def nearest_centre_disagreement(features: Tensor, decisions: Tensor, centres: Tensor) -> Tensor:
    r"""Compute the share of samples whose class the network decides otherwise than the nearest class mean.

    .. math:: \frac1n \sum_i \mathbf 1\bigl[\hat y_i \ne \arg\min_k \lVert h_i - \mu_k \rVert\bigr]

    NC4 of Papyan, Han & Donoho, PNAS 2020. The means are arguments, because they are known only once all
    samples have been seen: over a stream it takes a second pass.

    Args:
        features: tensor ``(..., n, d)``, what the classifier reads.
        decisions: integer tensor ``(..., n)``: the class that the network decides on; a negative one leaves
            the sample out.
        centres: class means, tensor ``(..., K, d)``; a row of NaN is a class without samples, which is never
            the nearest.

    Returns:
        Tensor of shape ``...``, float32 or better, in [0, 1]; NaN where a feature is not finite, and without
        samples or centres.

    Raises:
        ValueError: if a tensor is not acceptable or the shapes do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import nearest_centre_disagreement
        >>> features, centres = torch.tensor([[0.9], [0.1], [2.0]]), torch.tensor([[0.0], [1.0]])
        >>> nearest_centre_disagreement(features, torch.tensor([1, 1, 1]), centres)
        tensor(0.3333)
    """
    check_labels(decisions, as_rows(features, "features"), "decisions")
    squares = square_distances(features, centres)
    decisions = decisions.to(squares.device)
    return like(_share(squares.argmin(dim=-1) != decisions, decisions >= 0, squares), features)


@torch.no_grad()
def nearest_centre_accuracy(features: Tensor, labels: Tensor, centres: Tensor, counts: Tensor) -> Tensor:
    r"""Compute how often the nearest class mean is that of the sample's class, leaving the sample itself out.

    .. math:: \frac1n \sum_i \mathbf 1\Bigl[\frac{n_{y_i}}{n_{y_i} - 1} \lVert h_i - \mu_{y_i} \rVert
        < \min_{k \ne y_i} \lVert h_i - \mu_k \rVert\Bigr]

    The accuracy of the nearest-class-mean classifier (Mensink et al., TPAMI 2013) by leave-one-out
    cross-validation. Without sample i the mean of its class is :math:`(n \mu - h_i)/(n - 1)`, which lies
    n/(n − 1) times as far from it: no mean is computed again and nothing is trained. A sample that is alone
    in its class cannot be found and counts as an error.

    Args:
        features: tensor ``(..., n, d)``.
        labels: integer tensor ``(..., n)``, all less than K; a negative one leaves the sample out.
        centres: means of the classes, of these samples and all others, ``(..., K, d)``.
        counts: numbers of samples that they are means of, ``(..., K)``.

    Returns:
        Tensor of shape ``...``, float32 or better, in [0, 1]; NaN where a feature is not finite, and without
        samples.

    Raises:
        ValueError: if a tensor is not acceptable or the shapes do not fit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import nearest_centre_accuracy
        >>> features, labels = torch.tensor([[0.0], [4.0], [5.0], [5.0]]), torch.tensor([0, 0, 1, 1])
        >>> nearest_centre_accuracy(features, labels, torch.tensor([[2.0], [5.0]]), torch.tensor([2.0, 2.0]))
        tensor(0.7500)
    """
    check_labels(labels, as_rows(features, "features"), "labels")
    squares = square_distances(features, centres)
    shape = tuple(centres.shape[:-1])
    check(tuple(counts.shape) == shape, "counts", f"have shape {shape}", tuple(counts.shape))
    labels, counts = labels.to(squares.device, torch.int64), counts.to(squares)
    place = labels.clamp(min=0, max=max(0, squares.shape[-1] - 1)).unsqueeze(-1)
    # a class of one sample has no other to find it by
    further = torch.where(counts > 1, ratio(counts, counts - 1).square(), math.inf)
    own = squares.gather(-1, place).squeeze(-1)
    stretch = further.gather(-1, place.squeeze(-1))
    own = torch.where(stretch.isinf(), math.inf, own * stretch)
    other = squares.scatter(-1, place, math.inf).amin(dim=-1)
    return like(_share(own < other, labels >= 0, squares), features)


def square_distances(features: Tensor, centres: Tensor) -> Tensor:
    """Compute the squared distance of every sample from every centre.

    Args:
        features: tensor ``(..., n, d)``.
        centres: tensor ``(..., K, d)``.

    Returns:
        float64 tensor ``(..., n, K)``: infinite from a centre of NaN, NaN for a sample that is not finite.

    Raises:
        ValueError: if the shapes do not fit.
    """
    rows, means = precise(as_rows(features, "features")), precise(as_rows(centres, "centres"))
    rule = "hold at least one centre of as many features as the samples"
    fits = means.shape[-2] > 0 and means.shape[-1] == rows.shape[-1]
    check(fits, "centres", rule, tuple(centres.shape))
    absent = means.isnan().any(dim=-1)
    known = torch.where(absent.unsqueeze(-1), 0.0, means.to(rows.device))
    present = (~absent).sum(dim=-1)[..., None, None].to(rows.dtype)
    # Distances between near points far from zero would cancel: the origin moves to the middle of the centres.
    middle = known.sum(dim=-2, keepdim=True) / present.clamp(min=1)
    rows, known = rows - middle, known - middle
    lengths = rows.square().sum(dim=-1, keepdim=True) + known.square().sum(dim=-1).unsqueeze(-2)
    squares = (lengths - 2 * inner_products(rows, known)).clamp(min=0)
    return torch.where(absent.unsqueeze(-2) & squares.isfinite(), math.inf, squares)


def _share(holds: Tensor, counted: Tensor, squares: Tensor) -> Tensor:
    weight = counted.to(squares.dtype)
    spoilt = (squares.isnan().any(dim=-1) | squares.isinf().all(dim=-1)) & counted
    weight = torch.where(spoilt, math.nan, weight)
    return (weight * holds).sum(dim=-1) / weight.sum(dim=-1)
