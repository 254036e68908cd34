"""An early warning of collapse: how much of what is broken is about to be restored."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check

_SIGNIFICANT = 4.0
"""So many standard errors make a slope: noise without a trend has one in 1 of 1000 windows of 16 looks."""


def collapse_risk(steps: Sequence[int], order_parameters: Tensor) -> Tensor:
    r"""Predict which share of an order parameter is lost within one more window if it goes on like this.

    .. math:: 1 - \exp(\dot x\, \Delta t + \tfrac12 \ddot x\, \Delta t^2), \qquad x = \log \Delta_G

    with the rate :math:`\dot x` and the acceleration :math:`\ddot x` at the last look, from a parabola
    through the window by least squares, whose length is Δt. The answer is 0 unless restoration is under way:
    the rate is negative by four standard errors and the fall is not slowing down. An order parameter that
    decays towards a plateau, as after any initialisation, slows down; one that is pulled into a symmetric
    state falls exponentially or faster (arXiv 2502.05300). In windows of 16 looks of an order parameter that
    only fluctuates, 1 of 1000 gives more than 0.5.

    Args:
        steps: the steps of the looks, at least five, increasing.
        order_parameters: tensor ``(..., looks)`` of positive numbers, the latest last. The scale does not
            matter.

    Returns:
        Tensor of shape ``...``, float64, between 0 and 1; 1 where the order parameter has reached zero, and
        NaN where one is not finite.

    Raises:
        ValueError: if there are fewer than five steps, they do not increase, or they do not fit the tensor.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import collapse_risk
        >>> collapse_risk(range(6), torch.tensor([1.0, 0.99, 0.95, 0.85, 0.65, 0.35]))
        tensor(0.9886, dtype=torch.float64)
        >>> collapse_risk(range(6), torch.tensor([2.0, 1.5, 1.25, 1.12, 1.06, 1.03]))
        tensor(0., dtype=torch.float64)
    """
    count = len(steps)
    check(count >= 5, "steps", "hold at least five steps", list(steps))
    check(all(a < b for a, b in pairwise(steps)), "steps", "increase", list(steps))
    shape = tuple(order_parameters.shape)
    check(shape[-1:] == (count,), "order_parameters", f"have {count} looks in its last dimension", shape)
    # time runs from −1 at the first look to 0 at the last
    time = torch.tensor([(step - steps[-1]) / (steps[-1] - steps[0]) for step in steps], dtype=torch.float64)
    powers = torch.stack([torch.ones_like(time), time, time.square()], dim=-1)
    solve = torch.linalg.pinv(powers)
    errors = (solve @ solve.mT).diagonal().sqrt()
    powers, solve, errors = (tensor.to(order_parameters.device) for tensor in (powers, solve, errors))
    logarithms = order_parameters.double().clamp(min=torch.finfo(torch.float64).tiny).log()
    fit = logarithms @ solve.mT
    noise = torch.linalg.vector_norm(logarithms - fit @ powers.mT, dim=-1) / math.sqrt(count - 3)
    _, rate, bend = fit.unbind(-1)
    falls = rate < -_SIGNIFICANT * noise * errors[1]
    slows = bend > _SIGNIFICANT * noise * errors[2]
    lost = -torch.expm1((rate + bend.clamp(max=0)).clamp(max=0))
    risk = torch.where(falls & ~slows, lost, 0.0)
    risk = torch.where(order_parameters[..., -1] == 0, 1.0, risk)
    return torch.where(order_parameters.isfinite().all(dim=-1), risk, math.nan)
