r"""How many of a sample's nearest neighbours two networks agree on."""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_integer
from lightning_symmetry.functional._finite import ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional.representation._pair import as_pair, precision, wide

_ENTRIES = 2**24
"""Similarities that are held at a time, of one side."""


@torch.no_grad()
def mutual_nearest_neighbours(a: Tensor, b: Tensor, neighbours: int = 10) -> Tensor:
    r"""Compute the share of each sample's nearest neighbours that two sets of features have in common.

    .. math:: \frac{1}{n k} \sum_i \bigl| N_k^A(i) \cap N_k^B(i) \bigr|

    with :math:`N_k(i)` the k other samples of the largest cosine to sample i (Huh et al., "The Platonic
    Representation Hypothesis", arXiv 2405.07987, section 2 and appendix A). Unrelated features share
    :math:`k/(n-1)`, :func:`mutual_nearest_neighbours_chance`.

    Of samples that are equally near, the choice is random, and the expected share is returned: features that
    are constant or zero agree by chance only. Similarities are computed a block of rows at a time, so that
    memory grows with n and not with n².

    Args:
        a: tensor ``(..., n, d_a)``, one sample a row.
        b: tensor ``(..., n, d_b)``, the same samples.
        neighbours: k, at least 1 and less than n.

    Returns:
        Tensor of shape ``...``, float32 or better, between 0 and 1; NaN where a side is not finite. It is
        piecewise constant.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last, or ``neighbours`` is not between 1
            and n - 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import mutual_nearest_neighbours
        >>> angle = torch.tensor([0.0, 0.1, 1.0, 1.2, 2.0, 2.3])
        >>> a = torch.stack([angle.cos(), angle.sin()], dim=-1)
        >>> mutual_nearest_neighbours(a, 3 * a.flip(-1), neighbours=1)
        tensor(1.)
        >>> mutual_nearest_neighbours(a, a[[0, 2, 4, 1, 3, 5]], neighbours=1)
        tensor(0.)
    """
    one, other = as_pair(a, b)
    for rows, name in ((one, "a"), (other, "b")):
        check(rows.shape[-1] >= 1, name, "have at least one feature", tuple(rows.shape))
    n = one.shape[-2]
    check_integer(neighbours, "neighbours")
    check(1 <= neighbours < n, "neighbours", f"be at least 1 and less than the {n} samples", neighbours)
    x, y = (_directions(rows) for rows in (one, other))
    shared = torch.zeros_like(x[..., 0, 0])
    block = max(1, _ENTRIES // max(1, n * math.prod(x.shape[:-2])))
    for start in range(0, n, block):
        chances = [_chances(side, start, block, neighbours) for side in (x, y)]
        shared = shared + (chances[0] * chances[1]).sum(dim=(-2, -1))
    return (shared / (n * neighbours)).to(precision(a, b))


def mutual_nearest_neighbours_chance(samples: int, neighbours: int = 10) -> float:
    r"""Return what share of nearest neighbours unrelated features have in common, :math:`k/(n-1)`.

    Args:
        samples: n, more than k.
        neighbours: k, at least 1.

    Returns:
        The expectation for two independent choices of k from n - 1 samples.

    Raises:
        ValueError: if ``neighbours`` is not between 1 and n - 1.

    Example:
        >>> from lightning_symmetry.functional import mutual_nearest_neighbours_chance
        >>> mutual_nearest_neighbours_chance(101, neighbours=10)
        0.1
    """
    check_integer(neighbours, "neighbours")
    check_integer(samples, "samples")
    check(1 <= neighbours < samples, "neighbours", f"be at least 1 and less than {samples}", neighbours)
    return neighbours / (samples - 1)


def _directions(rows: Tensor) -> Tensor:
    (scaled,) = rescaled([wide(rows)])
    lengths = torch.linalg.vector_norm(scaled, dim=-1, keepdim=True)
    return ratio(scaled, lengths.expand_as(scaled))


def _chances(directions: Tensor, start: int, block: int, neighbours: int) -> Tensor:
    """The chance of every sample (columns) to be among the neighbours of each sample of a block (rows)."""
    similarity = inner_products(directions[..., start : start + block, :], directions)
    rows = torch.arange(similarity.shape[-2], device=similarity.device)
    # Two cosines that rounding alone tells apart are equal, as those of duplicates are.
    resolution = 64 * torch.finfo(similarity.dtype).eps
    finite = similarity.isfinite()
    similarity[..., rows, rows + start] = -2.0  # below every cosine
    threshold = similarity.topk(neighbours, dim=-1).values[..., -1:]
    nearer = similarity > threshold + resolution
    level = (similarity - threshold).abs() <= resolution
    places = neighbours - nearer.sum(dim=-1, keepdim=True)
    share = places.to(similarity) / level.sum(dim=-1, keepdim=True)
    return torch.where(finite, torch.where(nearer, 1.0, level * share), math.nan)
