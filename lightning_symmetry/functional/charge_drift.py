"""What weight decay makes of a Noether charge: the prediction that a measured charge is compared with.

Kunin et al., "Neural Mechanics", arXiv 2012.04728. The degree of a charge is its power in the weights: 2 for
those of rescaling, of the general linear group and of scale (:func:`~lightning_symmetry.functional.
scaling_charges`, :func:`~lightning_symmetry.functional.general_linear_charge`,
:func:`~lightning_symmetry.functional.scale_charge`), and 1 for that of a translation
(:func:`~lightning_symmetry.functional.translation_charge`), which therefore decays half as fast.
"""

import math

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check_integer, check_number
from lightning_symmetry.functional._finite import finite_or_nan


def decayed_charge(charge: Tensor, decay: float, time: float, degree: int = 2) -> Tensor:
    r"""Compute what gradient flow with weight decay leaves of a charge.

    .. math:: Q(t) = e^{-d \lambda t}\, Q(0)

    Exact for the flow :math:`\dot\theta = -\nabla L - \lambda\theta`, that is with a loss term
    :math:`\lambda/2\, \lVert\theta\rVert^2`: the symmetry makes the part of dQ/dt that comes from L vanish,
    and Q is homogeneous of degree d (arXiv 2012.04728).

    Args:
        charge: charge at time 0, a tensor of any shape.
        decay: λ, at least 0.
        time: t, at least 0; steps times learning rate.
        degree: d, the power of the weights in the charge: 2, or 1 for a translation.

    Returns:
        Tensor of the shape of ``charge``, float32 or better; NaN where ``charge`` is not finite.

    Raises:
        ValueError: if ``charge`` is not real and floating-point, or a number is not as above.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import decayed_charge
        >>> decayed_charge(torch.tensor([21.0, -3.0]), decay=0.1, time=5.0)
        tensor([ 7.7255, -1.1036])
    """
    _check_number(time, "time")
    return _shrunk(charge, math.exp(-_checked_degree(degree) * _check_number(decay, "decay") * time))


def stepped_charge(charge: Tensor, decay: float, rate: float, steps: int = 1, degree: int = 2) -> Tensor:
    r"""Compute what steps of gradient descent with weight decay leave of a charge.

    .. math:: Q_{s} = (1 - \eta\lambda)^{d s}\, Q_0

    For plain SGD, where coupled and decoupled decay are the same step :math:`\theta \to (1 - \eta\lambda)
    \theta - \eta g`. For a translation (d = 1) this is *exact* at every learning rate and batch, because the
    gradients of its units add up to zero. A quadratic charge also gains the charge of the gradient, exactly

    .. math:: Q(\theta') = (1 - \eta\lambda)^2\, Q(\theta) + \eta^2 Q(g)

    since the symmetry cancels the mixed term only. What is left out is thus :math:`O(\eta^2)` a step and
    :math:`O(\eta)` at a fixed time, as is the difference to :func:`decayed_charge`; the example adds it.
    Momentum breaks both identities, as it steps along gradients of earlier weights, and Adam does not follow
    any gradient.

    Args:
        charge: charge before the steps, a tensor of any shape.
        decay: λ, at least 0.
        rate: learning rate η, at least 0.
        steps: number of steps s, at least 0.
        degree: d, the power of the weights in the charge: 2, or 1 for a translation.

    Returns:
        Tensor of the shape of ``charge``, float32 or better; NaN where ``charge`` is not finite.

    Raises:
        ValueError: if ``charge`` is not real and floating-point, or a number is not as above.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import scaling_charges, stepped_charge
        >>> weights = [torch.tensor([[3.0]]), torch.tensor([[2.0]])]
        >>> gradients = [torch.tensor([[2.0]]), torch.tensor([[3.0]])]  # of the product
        >>> after = [0.8 * w - 0.1 * g for w, g in zip(weights, gradients)]
        >>> scaling_charges(after, powers=[1, -1])
        tensor([3.1500])
        >>> kept = stepped_charge(scaling_charges(weights, powers=[1, -1]), decay=2.0, rate=0.1)
        >>> kept + 0.1**2 * scaling_charges(gradients, powers=[1, -1])
        tensor([3.1500])
    """
    _check_number(steps, "steps")
    kept = 1 - _check_number(rate, "rate") * _check_number(decay, "decay")
    return _shrunk(charge, kept ** (_checked_degree(degree) * steps))


def _shrunk(charge: Tensor, factor: float) -> Tensor:
    if not isinstance(charge, Tensor):
        raise ValueError(f"`charge` must be a tensor, got {type(charge).__name__}")
    if not charge.is_floating_point():
        raise ValueError(f"`charge` must be real and floating-point, got dtype {charge.dtype}")
    return finite_or_nan(charge.to(torch.promote_types(charge.dtype, torch.float32)) * factor)


def _check_number(value: float, name: str) -> float:
    check_number(value, name)
    if not 0 <= value < math.inf:
        raise ValueError(f"`{name}` must be at least 0 and finite, got {value!r}")
    return value


def _checked_degree(degree: int) -> int:
    check_integer(degree, "degree")
    if degree not in (1, 2):
        raise ValueError(f"`degree` must be 1 or 2, got {degree!r}")
    return degree
