"""How far Noether charges have moved between two looks, and how far weight decay alone would have moved them.

Kunin et al., "Neural Mechanics", arXiv 2012.04728. Gradient flow conserves the charges. Weight decay shrinks
them, as :func:`~lightning_symmetry.functional.stepped_charge` says; finite learning rates, gradient noise,
unequal learning rates and adaptive optimizers do with them what they like. The one is told from the others
here.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_legs
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.charge import _checked


class Drift(NamedTuple):
    """Motion of charges between two looks, as shares of what the charges could be at the first one.

    Attributes:
        moved: how far they have moved.
        predicted: how far weight decay alone would have moved them.
        unexplained: how far they are from where weight decay alone would have moved them.
    """

    moved: Tensor
    predicted: Tensor
    unexplained: Tensor


def scaling_drift(
    before: Sequence[Tensor], after: Sequence[Tensor], powers: Sequence[float], kept: Sequence[float]
) -> Drift:
    r"""Compute how far the scaling charges of all units have moved, and what of it weight decay explains.

    .. math:: \frac{\sum_i |Q'_i - Q_i|}{S}, \quad \frac{\sum_i |\hat Q_i - Q_i|}{S}, \quad
        \frac{\sum_i |Q'_i - \hat Q_i|}{S}, \qquad
        \hat Q_i = \sum_l \texttt{kept}_l^2\, \texttt{powers}_l\, \lVert z_{l,i} \rVert^2

    with the charges Q of :func:`~lightning_symmetry.functional.scaling_charges` and the denominator S of
    :func:`~lightning_symmetry.functional.scaling_imbalance` at the first look: where all legs decay alike,
    weight decay alone moves them by :math:`1 - \texttt{kept}^2` times the imbalance. It keeps :math:`\prod (1
    - \eta\lambda)` of a weight. For plain SGD what is left unexplained is :math:`O(\eta)` at a fixed time
    (arXiv 2012.04728).

    Args:
        before: legs at the first look, tensors ``(..., n, k_l)``, one unit a row; the norms of the rows,
            ``(..., n, 1)``, will do.
        after: the same at the second look.
        powers: one finite number a leg.
        kept: the share that weight decay leaves of the weights of each leg.

    Returns:
        Three tensors of shape ``...``, float32 or better; 0 where all weights were zero, NaN where a copy is
        not finite.

    Raises:
        ValueError: if the looks do not fit together, or ``powers`` or ``kept`` does not fit them.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import scaling_drift
        >>> before = [torch.tensor([[3.0]]), torch.tensor([[1.0]])]
        >>> scaling_drift(before, [leg / 2 for leg in before], powers=[1, -1], kept=[0.5, 0.5])
        Drift(moved=tensor(0.6000), predicted=tensor(0.6000), unexplained=tensor(0.))
    """
    earlier, later = (
        [row.square().sum(dim=-1, keepdim=True) for row in rows] for rows in _looks(before, after)
    )
    return drift_of_squares(earlier, later, _checked(powers, before), _shares(kept, before), total_size)


def general_linear_drift(
    before: Sequence[Tensor], after: Sequence[Tensor], powers: Sequence[float], kept: Sequence[float]
) -> Drift:
    r"""Compute how far the charge of a general linear group has moved, and what of it weight decay explains.

    .. math:: \frac{\lVert C' - C \rVert_F}{S}, \quad \frac{\lVert \hat C - C \rVert_F}{S}, \quad
        \frac{\lVert C' - \hat C \rVert_F}{S}, \qquad
        \hat C = \sum_l \texttt{kept}_l^2\, \texttt{powers}_l\, z_l z_l^\top

    with the charge C of :func:`~lightning_symmetry.functional.general_linear_charge` and the denominator S of
    :func:`~lightning_symmetry.functional.general_linear_imbalance` at the first look. See
    :func:`~lightning_symmetry.functional.scaling_drift`.

    Args:
        before: legs at the first look, tensors ``(..., n, k_l)``, one coordinate of the space a row.
        after: the same at the second look.
        powers: 1 for a leg that the group multiplies by g, -1 for one that it multiplies by the inverse
            transpose.
        kept: the share that weight decay leaves of the weights of each leg.

    Returns:
        Three tensors of shape ``...``, float32 or better; 0 where all weights were zero, NaN where a copy is
        not finite.

    Raises:
        ValueError: if the looks do not fit together, or ``powers`` or ``kept`` does not fit them.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import general_linear_drift
        >>> before, after = ([w * torch.eye(2), torch.zeros(2, 1)] for w in (2.0, 1.0))
        >>> general_linear_drift(before, after, powers=[1, -1], kept=[1.0, 1.0])
        Drift(moved=tensor(0.7500), predicted=tensor(0.), unexplained=tensor(0.7500))
    """
    signs = _checked(powers, before)
    if not set(signs) <= {1.0, -1.0}:
        raise ValueError(f"`powers` must be 1 or -1, got {list(powers)}")
    earlier, later = ([inner_products(row, row) for row in rows] for rows in _looks(before, after))
    return drift_of_squares(earlier, later, signs, _shares(kept, before), frobenius_norm)


def drift_of_squares(
    before: Sequence[Tensor],
    after: Sequence[Tensor],
    powers: Sequence[float],
    kept: Sequence[float],
    size: Callable[[Tensor], Tensor],
) -> Drift:
    """Compare two looks at what charges are made of.

    Args:
        before: squared norms ``(..., n, 1)`` or Gram matrices ``(..., n, n)`` of the legs at the first look.
        after: the same at the second look.
        powers: what multiplies each of them in the charge.
        kept: the share that weight decay leaves of the weights of each leg.
        size: a norm over the last two dimensions.

    Returns:
        Three tensors of shape ``...``.
    """
    earlier, later = _halves(rescaled([*before, *after]))
    # differences first: a decay of one part in 1e9 is not lost in float32
    lost = _sum([p * (1 - k * k) * e for p, k, e in zip(powers, kept, earlier, strict=True)])
    change = _sum([p * (a - e) for p, e, a in zip(powers, earlier, later, strict=True)])
    sides = [[abs(p) * e for p, e in zip(powers, earlier, strict=True) if p * sign > 0] for sign in (1, -1)]
    scale = _sum([size(_sum(side)) for side in sides if side] or [torch.zeros_like(size(change))])
    return Drift(*(finite_or_nan(ratio(size(part), scale)) for part in (change, lost, change + lost)))


def total_size(charges: Tensor) -> Tensor:
    """Add up absolute values over the last two dimensions."""
    return charges.abs().sum(dim=-1).sum(dim=-1)


def _looks(before: Sequence[Tensor], after: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    earlier, later = as_legs(before, "before"), as_legs(after, "after")
    shapes = [[tuple(leg.shape) for leg in look] for look in (earlier, later)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"`after` must have the shapes of `before`, got {shapes[1]} for {shapes[0]}")
    return _halves(rescaled([*earlier, *later]))


def _halves(tensors: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    half = len(tensors) // 2
    return tensors[:half], tensors[half:]


def _sum(terms: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(terms)).sum(dim=0)


def _shares(kept: Sequence[float], legs: Sequence[Tensor]) -> list[float]:
    if len(kept) != len(legs):
        raise ValueError(f"`kept` must hold one number per leg, got {len(kept)} for {len(legs)} legs")
    if not all(math.isfinite(share) for share in kept):
        raise ValueError(f"`kept` must be finite, got {list(kept)}")
    return list(kept)
