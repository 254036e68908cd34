"""Noether charges: what gradient flow conserves because of a continuous symmetry.

Kunin et al., "Neural Mechanics", arXiv 2012.04728. Weight decay and gradient noise move them: with decay λ (a
loss term λ/2 ‖θ‖²) gradient flow gives Q(t) = Q(0) exp(-2λt). Adaptive optimizers do not conserve them. The
sign is a convention; here what an element of the group multiplies counts positive, so a hidden unit has Q =
‖in‖² - ‖out‖².
"""

import math
from collections.abc import Collection, Sequence
from numbers import Real

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_legs, as_units
from lightning_symmetry.functional._norm import frobenius_norm


def scaling_charges(legs: Sequence[Tensor], powers: Sequence[float]) -> Tensor:
    r"""Compute the charge of every unit under the scaling that multiplies its part of leg l by λ to a power.

    .. math:: Q_i = \sum_l \texttt{powers}_l\, \lVert z_{l,i} \rVert^2

    Invariance under :math:`z_{l,i} \to \lambda^{p_l} z_{l,i}` makes :math:`\sum_l p_l \langle z_{l,i},
    \partial L / \partial z_{l,i} \rangle` vanish, which is half of dQ/dt under gradient flow (arXiv
    2012.04728). For a ReLU unit the powers are 1 for what it reads, weights and bias, and -1 for what it
    writes.

    Args:
        legs: tensors ``(..., n, k_l)``, one unit a row.
        powers: one finite number a leg.

    Returns:
        Tensor ``(..., n)``, float32 or better.

    Raises:
        ValueError: if the legs do not fit together, or ``powers`` does not fit them.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import scaling_charges
        >>> incoming, outgoing = torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[2.0], [2.0]])
        >>> scaling_charges([incoming, outgoing], powers=[1, -1])
        tensor([21., -3.])
    """
    return finite_or_nan(_weighted_squares(as_legs(legs, "legs"), _checked(powers, legs)))


def scaling_imbalance(legs: Sequence[Tensor], powers: Sequence[float]) -> Tensor:
    r"""Compute the share of the squared weights that the scaling charges leave uncompensated.

    .. math:: \frac{\sum_i |Q_i|}{\sum_i \sum_l |\texttt{powers}_l|\, \lVert z_{l,i} \rVert^2} \in [0, 1]

    It is 0 if and only if every unit is balanced, and 1 if and only if no unit has weights on both sides: per
    unit, :math:`|Q_i|` is the difference of two non-negative numbers whose sum is the denominator's share.

    Args:
        legs: tensors ``(..., n, k_l)``, one unit a row.
        powers: one finite number a leg.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 where all weights are zero.

    Raises:
        ValueError: if the legs do not fit together, or ``powers`` does not fit them.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import scaling_imbalance
        >>> scaling_imbalance([torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0]])], powers=[1, -1])
        tensor(0.)
    """
    rows = rescaled(as_legs(legs, "legs"))
    signed = _checked(powers, legs)
    uncompensated = _weighted_squares(rows, signed).abs().sum(dim=-1)
    return ratio(uncompensated, _weighted_squares(rows, [abs(power) for power in signed]).sum(dim=-1))


def general_linear_charge(writers: Tensor, readers: Tensor) -> Tensor:
    r"""Compute the charge of a space on which every invertible matrix acts, between two linear maps.

    .. math:: C = A A^\top - B B^\top

    A are the writers, which g multiplies, and B the readers, which :math:`g^{-\top}` multiplies. For
    :math:`y = W_2 W_1 x` that is ``writers = W_1`` and ``readers = W_2.mT`` (arXiv 2012.04728).

    Args:
        writers: tensor ``(..., n, k)``, one coordinate of the space a row.
        readers: tensor ``(..., n, k')``.

    Returns:
        Symmetric tensor ``(..., n, n)``, float32 or better.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import general_linear_charge
        >>> general_linear_charge(torch.tensor([[1.0, 2.0]]), torch.tensor([[3.0]]))
        tensor([[-4.]])
    """
    written, read = _grams(_sides(writers, readers))
    return finite_or_nan(written - read)


def general_linear_imbalance(writers: Tensor, readers: Tensor) -> Tensor:
    r"""Compute the general linear charge as a share of what its two sides could hold.

    .. math:: \frac{\lVert A A^\top - B B^\top \rVert_F}{\lVert A A^\top \rVert_F + \lVert B B^\top \rVert_F}
        \in [0, 1]

    It is 0 if and only if the two maps are balanced, and 1 if and only if one of them is zero and the other
    is not, since two positive semi-definite matrices never point in opposite directions. With one coordinate
    it is the scaling imbalance; two maps of equal size that share no direction give :math:`1/\sqrt2`.

    Args:
        writers: tensor ``(..., n, k)``, one coordinate of the space a row.
        readers: tensor ``(..., n, k')``.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 where all weights are zero.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import general_linear_imbalance
        >>> general_linear_imbalance(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
        tensor(0.7071)
    """
    written, read = _grams(rescaled(_sides(writers, readers)))
    difference, *sides = (frobenius_norm(side) for side in (written - read, written, read))
    return ratio(difference, sides[0] + sides[1])


def _weighted_squares(rows: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    terms = [weight * row.square().sum(dim=-1) for row, weight in zip(rows, weights, strict=True)]
    return torch.stack(terms, dim=-1).sum(dim=-1)


def _grams(sides: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    writers, readers = sides
    return inner_products(writers, writers), inner_products(readers, readers)


def _sides(writers: Tensor, readers: Tensor) -> list[Tensor]:
    sides = [as_units(writers, "writers"), as_units(readers, "readers")]
    if writers.shape[:-1] != readers.shape[:-1]:
        raise ValueError(
            "`readers` must agree with `writers` in all dimensions but the last, "
            f"got {tuple(readers.shape)} and {tuple(writers.shape)}"
        )
    return sides


def _checked(powers: Sequence[float], legs: Sequence[Tensor]) -> list[float]:
    if not isinstance(powers, Sequence) or not all(isinstance(power, Real) for power in powers):
        raise ValueError(f"`powers` must be a sequence of numbers, got {powers!r}")
    if isinstance(legs, Tensor) or not isinstance(legs, Collection):
        raise ValueError(f"`legs` must be a sequence of tensors, got {type(legs).__name__}")
    if len(powers) != len(legs):
        raise ValueError(f"`powers` must hold one number per leg, got {len(powers)} for {len(legs)} legs")
    if not all(math.isfinite(power) for power in powers):
        raise ValueError(f"`powers` must be finite, got {list(powers)}")
    return [float(power) for power in powers]  # a rational number does not multiply a tensor
