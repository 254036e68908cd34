"""How far features and classifier have collapsed onto a simplex: Papyan, Han & Donoho, PNAS 2020."""

import math
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional._finite import finite_or_nan, ratio
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.representation._class_means import class_means
from lightning_symmetry.functional.representation._precise import like, precise
from lightning_symmetry.functional.representation._simplex import simplex
from lightning_symmetry.functional.representation.class_moments import ClassMoments, class_moments
from lightning_symmetry.functional.representation.nearest_centre import nearest_centre_disagreement


class Collapse(NamedTuple):
    """Neural collapse, each number a tensor of shape ``...`` that full collapse brings to 0.

    Attributes:
        nc1: variability within classes in units of that between them, :func:`neural_collapse`.
        nc1_trace_ratio: the same from traces alone.
        nc2_equinorm: coefficient of variation of the lengths of the class means about their mean.
        nc2_equiangularity: mean distance of their cosines from −1/(K − 1).
        nc2_etf_distance: distance of their Gram matrix from that of a simplex.
        nc2_classifier_equinorm: as for the means, of the rows of the classifier.
        nc2_classifier_equiangularity: as for the means.
        nc2_classifier_etf_distance: as for the means.
        nc3: distance of the classifier from the class means, both of length one.
        nc4: share of samples that the network classifies otherwise than the nearest class mean does.
    """

    nc1: Tensor
    nc1_trace_ratio: Tensor
    nc2_equinorm: Tensor
    nc2_equiangularity: Tensor
    nc2_etf_distance: Tensor
    nc2_classifier_equinorm: Tensor
    nc2_classifier_equiangularity: Tensor
    nc2_classifier_etf_distance: Tensor
    nc3: Tensor
    nc4: Tensor


@torch.no_grad()
def neural_collapse(
    features: Tensor,
    labels: Tensor,
    num_classes: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> Collapse:
    r"""Compute the four signs of neural collapse of features and of the linear classifier that reads them.

    With :math:`\Sigma_W` the mean over all samples of :math:`(h_i - \mu_{y_i})(h_i - \mu_{y_i})^\top`,
    :math:`M` the class means minus their mean, one a row, and :math:`\Sigma_B = M^\top M / K`:

    .. math:: \mathrm{NC1} = \frac1K \operatorname{Tr}(\Sigma_W \Sigma_B^+), \qquad
        \frac{\operatorname{Tr} \Sigma_W}{\operatorname{Tr} \Sigma_B}
    .. math:: \mathrm{NC2} = \frac{\operatorname{std}_k \lVert m_k \rVert}
        {\operatorname{mean}_k \lVert m_k \rVert}, \qquad
        \operatorname{mean}_{k \ne l} \Bigl|\cos(m_k, m_l) + \tfrac1{K - 1}\Bigr|, \qquad
        \Bigl\lVert \frac{M M^\top}{\lVert M M^\top \rVert_F}
        - \frac{I - \mathbf 1 \mathbf 1^\top / K}{\sqrt{K - 1}} \Bigr\rVert_F
    .. math:: \mathrm{NC3} = \Bigl\lVert \frac{W}{\lVert W \rVert_F} - \frac{M}{\lVert M \rVert_F}
        \Bigr\rVert_F, \qquad
        \mathrm{NC4} = \operatorname{mean}_i \mathbf 1\bigl[\arg\max_k (w_k \cdot h_i + b_k)
        \ne \arg\min_k \lVert h_i - \mu_k \rVert\bigr]

    All but the distance from a simplex, which is that of Zhu et al., arXiv 2105.02375, are those of Papyan,
    Han & Donoho (their figure 5 shows the square of NC3). The standard deviation is that of the K numbers
    themselves, over K and not K − 1. NC2 of the classifier takes its rows as they are. Classes without a
    sample are left out everywhere and K is the number of the others. The pseudo-inverse is through the
    singular values of M, at most K − 1 of them, and drops those that rounding could have made: the solver
    makes a CUDA device wait.

    Args:
        features: tensor ``(..., n, d)``, what the classifier reads.
        labels: integer tensor ``(..., n)``, all less than K; negative for a sample without a class, which is
            left out of all four.
        num_classes: K.
        weight: the classifier, tensor ``(..., K, d)``.
        bias: its bias, tensor ``(..., K)``, by default 0.

    Returns:
        The ten numbers, float32 or better. NaN where there is nothing to compare: all of them where class
        means coincide, hence for a single class, a single sample or constant features; what needs the
        classifier, without one; and where features or weights are not finite or a label is K or more.

    Raises:
        ValueError: if a tensor is not acceptable, shapes do not fit, or there is a bias without a weight.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import neural_collapse
        >>> features = torch.tensor([[2.0, 0.1], [2.0, -0.1], [-2.0, 0.1], [-2.0, -0.1]])
        >>> collapse = neural_collapse(features, torch.tensor([0, 0, 1, 1]), 2, weight=torch.eye(2))
        >>> collapse.nc1_trace_ratio, collapse.nc2_etf_distance, collapse.nc3, collapse.nc4
        (tensor(0.0025), tensor(0.), tensor(1.), tensor(0.))
    """
    check(bias is None or weight is not None, "bias", "come with a weight", bias)
    moments = class_moments(features, labels, num_classes)
    found = collapse_of(moments, weight)
    if weight is not None:
        rows, readers = precise(features), precise(weight)
        logits = inner_products(rows, readers)
        if bias is not None:
            shape = tuple(weight.shape[:-1])
            check(tuple(bias.shape) == shape, "bias", f"have shape {shape}", tuple(bias.shape))
            logits = logits + precise(bias).unsqueeze(-2)
        decisions = torch.where(labels.to(logits.device) < 0, -1, logits.argmax(dim=-1))
        centres = torch.where(moments.counts.unsqueeze(-1) > 0, moments.means, math.nan)
        nc4 = nearest_centre_disagreement(rows, decisions, centres)
        found = found._replace(nc4=torch.where(found.nc1.isnan() | found.nc3.isnan(), math.nan, nc4))
    return Collapse(*(like(value, features) for value in found))


def collapse_of(moments: ClassMoments, weight: Tensor | None) -> Collapse:
    """Compute all but NC4 from moments.

    Args:
        moments: of all samples.
        weight: the classifier, ``(..., K, d)``.

    Returns:
        Ten float64 tensors, the last of them NaN.

    Raises:
        ValueError: if the classifier does not fit.
    """
    means = class_means(moments)
    number, present = means.number, means.present
    within = moments.scatter / moments.counts.sum(dim=-1)[..., None, None]
    along = (inner_products(means.directions, within) * means.directions).sum(dim=-1)
    unknown = torch.full_like(number, math.nan)
    nc1 = ratio(along, means.sigma.square()).sum(dim=-1)
    spread = means.centred.square().sum(dim=(-2, -1)) / number
    traces = within.diagonal(dim1=-2, dim2=-1).sum(dim=-1) / spread
    shape = [*simplex(means.centred, present)]
    classifier, duality = [unknown] * 3, unknown
    if weight is not None:
        readers = precise(as_rows(weight, "weight"))
        expected = tuple(means.centred.shape)
        check(tuple(readers.shape) == expected, "weight", f"have shape {expected}", tuple(readers.shape))
        readers = torch.where(present.unsqueeze(-1), readers.to(number.device), 0.0)
        classifier = [*simplex(readers, present)]
        duality = frobenius_norm(_unit(readers) - _unit(means.centred))
    known = means.apart & within.isfinite().flatten(start_dim=-2).all(dim=-1)
    values = [nc1, traces, *shape, *classifier, duality, unknown]
    return Collapse(*(finite_or_nan(torch.where(known, value, math.nan)) for value in values))


def _unit(matrix: Tensor) -> Tensor:
    norm = frobenius_norm(matrix)[..., None, None].expand_as(matrix)
    return ratio(matrix, norm)
