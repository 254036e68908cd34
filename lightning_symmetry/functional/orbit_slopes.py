"""Slopes of the loss along the orbits of symmetries: zero where the symmetry is one of this very loss.

Kunin et al., "Neural Mechanics", arXiv 2012.04728. Half the rate at which gradient flow would move a Noether
charge is minus such a slope.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_legs
from lightning_symmetry.functional.charge import _checked


def scaling_slopes(legs: Sequence[Tensor], gradients: Sequence[Tensor], powers: Sequence[float]) -> Tensor:
    r"""Compute the slope of the loss along the scaling of every unit.

    .. math:: \frac{dL}{d\log\lambda_i} = \sum_l \texttt{powers}_l\, \Bigl\langle z_{l,i},
        \frac{\partial L}{\partial z_{l,i}} \Bigr\rangle

    It vanishes if the loss does not see the scaling (arXiv 2012.04728).

    Args:
        legs: tensors ``(..., n, k_l)``, one unit a row.
        gradients: the gradient of the loss, tensors of the same shapes.
        powers: one finite number a leg.

    Returns:
        Tensor ``(..., n)``, float32 or better; NaN for a unit that is not finite.

    Raises:
        ValueError: if the tensors do not fit together, or ``powers`` does not fit them.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import scaling_slopes
        >>> weights = [torch.tensor([[3.0]]), torch.tensor([[2.0]])]
        >>> scaling_slopes(weights, [torch.tensor([[2.0]]), torch.tensor([[3.0]])], powers=[1, -1])
        tensor([0.])
    """
    units, slopes = _fitting(legs, gradients)
    terms = [p * (z * g).sum(dim=-1) for p, z, g in zip(_checked(powers, legs), units, slopes, strict=True)]
    return finite_or_nan(torch.stack(terms).sum(dim=0))


def general_linear_slopes(
    legs: Sequence[Tensor], gradients: Sequence[Tensor], powers: Sequence[float]
) -> Tensor:
    r"""Compute the slope of the loss along every direction of a general linear group.

    .. math:: \frac{dL}{dE} = \sum_{l \in \text{writers}} \frac{\partial L}{\partial z_l} z_l^\top -
        \sum_{l \in \text{readers}} z_l \Bigl( \frac{\partial L}{\partial z_l} \Bigr)^\top

    at :math:`g = \mathbb 1 + E`, where writers move to :math:`g z` and readers to :math:`g^{-\top} z`. It
    vanishes if the loss does not see the group (arXiv 2012.04728). Twice its antisymmetric part are the
    slopes along the rotations of a space whose legs are all writers.

    Args:
        legs: tensors ``(..., n, k_l)``, one coordinate of the space a row.
        gradients: the gradient of the loss, tensors of the same shapes.
        powers: positive for a writer, negative for a reader.

    Returns:
        Tensor ``(..., n, n)``, float32 or better; NaN where a product is not finite.

    Raises:
        ValueError: if the tensors do not fit together, or ``powers`` does not fit them.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import general_linear_slopes
        >>> weights = [torch.tensor([[3.0], [1.0]]), torch.tensor([[2.0], [5.0]])]
        >>> general_linear_slopes(weights, [weights[1], weights[0]], powers=[1, -1])  # of the product
        tensor([[0., 0.],
                [0., 0.]])
    """
    units, slopes = _fitting(legs, gradients)
    terms = [
        inner_products(g, z) if power > 0 else -inner_products(z, g)
        for power, z, g in zip(_checked(powers, legs), units, slopes, strict=True)
    ]
    return finite_or_nan(torch.stack(terms).sum(dim=0))


def _fitting(legs: Sequence[Tensor], gradients: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    units, slopes = as_legs(legs, "legs"), as_legs(gradients, "gradients")
    shapes = [[tuple(tensor.shape) for tensor in tensors] for tensors in (units, slopes)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"`gradients` must have the shapes of the weights, got {shapes[1]} for {shapes[0]}")
    return units, slopes
