"""Noether charges of transformations that change all units alike: one charge a space, not one a unit.

Kunin et al., "Neural Mechanics", arXiv 2012.04728. Gradient flow conserves them; weight decay moves them as
:func:`~lightning_symmetry.functional.decayed_charge` says.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan
from lightning_symmetry.functional._legs import as_legs, as_units


def scale_charge(legs: Sequence[Tensor]) -> Tensor:
    r"""Compute the charge of weights whose common scale does not matter, as before a normalisation.

    .. math:: Q = \sum_l \lVert z_l \rVert^2

    Invariance under :math:`\theta \to \lambda\theta` makes :math:`\langle\theta, \nabla L\rangle` vanish,
    which is half of dQ/dt under gradient flow (arXiv 2012.04728). It is the sum of
    :func:`~lightning_symmetry.functional.scaling_charges` with powers 1.

    Args:
        legs: all weights that the scale multiplies, tensors ``(..., n, k_l)``.

    Returns:
        Tensor of shape ``...``, float32 or better, non-negative; NaN where a weight is not finite.

    Raises:
        ValueError: if the legs do not fit together.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import scale_charge
        >>> scale_charge([torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[2.0], [2.0]])])
        tensor(34.)
    """
    squares = [leg.square().sum(dim=-1).sum(dim=-1) for leg in as_legs(legs, "legs")]
    return finite_or_nan(torch.stack(squares, dim=-1).sum(dim=-1))


def translation_charge(leg: Tensor) -> Tensor:
    r"""Compute the charge of a leg to whose units one vector can be added, such as the logits of a softmax.

    .. math:: Q = \sum_i z_i

    Invariance under :math:`z_i \to z_i + v` for every v makes :math:`\sum_i \partial L / \partial z_i`
    vanish, which is dQ/dt under gradient flow (arXiv 2012.04728). Of degree one: it decays as
    :math:`e^{-\lambda t}`, half as fast as the other charges.

    Args:
        leg: tensor ``(..., n, k)``, one unit a row: for a softmax over n classes, the last layer's weight.

    Returns:
        Tensor ``(..., k)``, float32 or better; NaN where a weight of the sum is not finite.

    Raises:
        ValueError: if ``leg`` is not real with at least two dimensions and one unit.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import translation_charge
        >>> translation_charge(torch.tensor([[1.0, 2.0], [3.0, -4.0]]))
        tensor([ 4., -2.])
    """
    return finite_or_nan(as_units(leg, "leg").sum(dim=-2))
