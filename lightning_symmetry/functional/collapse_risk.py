"""An early warning of collapse: how much of what is broken is about to be restored."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_number

_SIGNIFICANT = 4.0
"""So many standard errors make a slope: noise without a trend has one in 8 of 10 000 windows of 16 looks."""


class _Parabola:
    """A parabola by least squares, seen from its end at time 0, with what its errors may amount to."""

    def __init__(self, time: Tensor, values: Tensor) -> None:
        powers = torch.stack([torch.ones_like(time), time, time.square()], dim=-1)
        solve = torch.linalg.pinv(powers)
        errors = (_SIGNIFICANT * (solve @ solve.mT).diagonal().sqrt()).to(values.device)
        powers, solve = powers.to(values.device), solve.to(values.device)
        fit = values @ solve.mT
        _, self.rate, self.bend = fit.unbind(-1)
        noise = torch.linalg.vector_norm(values - fit @ powers.mT, dim=-1) / math.sqrt(max(len(time) - 3, 1))
        _, self.rate_error, self.bend_error = (noise.unsqueeze(-1) * errors).unbind(-1)

    @property
    def lost(self) -> Tensor:
        """Share that is lost by time 1."""
        return -torch.expm1((self.rate + self.bend.clamp(max=0)).clamp(max=0))


def collapse_risk(steps: Sequence[int], order_parameters: Tensor) -> Tensor:
    r"""Predict which share of an order parameter is lost within one more window if it goes on like this.

    .. math:: 1 - \exp(\dot x\, \Delta t + \tfrac12 \ddot x\, \Delta t^2), \qquad x = \log \Delta_G

    with the rate :math:`\dot x` and the acceleration :math:`\ddot x` at the last look, from a parabola by
    least squares through the window, whose length is Δt, or from one through its later half if that says
    less. The answer is 0 unless restoration is under way: the rate is negative by four standard errors, a
    line through the later half falls too, and the fall is not slowing down. An order parameter that decays
    towards a plateau, as after any initialisation, slows down; one that is pulled into a symmetric state
    falls exponentially or faster (arXiv 2502.05300).

    False alarms, a risk of more than 0.5: in 7 of 10 000 windows of 16 looks at noise without a trend, and in
    none of 2376 looks at the breaking distances of 36 healthy trainings on real digits. Of 24 collapses, 23
    were announced before accuracy fell and one as it fell (``python -m benchmarks early-warning``). The risk
    is one of restoration, not of harm: decay that only rescales normalised weights raises it too.

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
    check(isinstance(steps, Sequence), "steps", "be a sequence of numbers", type(steps).__name__)
    for step in steps:
        check_number(step, "steps")
    check(
        isinstance(order_parameters, Tensor),
        "order_parameters",
        "be a tensor",
        type(order_parameters).__name__,
    )
    count = len(steps)
    check(count >= 5, "steps", "hold at least five steps", list(steps))
    check(all(a < b for a, b in pairwise(steps)), "steps", "increase", list(steps))
    shape = tuple(order_parameters.shape)
    check(shape[-1:] == (count,), "order_parameters", f"have {count} looks in its last dimension", shape)
    logarithms = order_parameters.double().clamp(min=torch.finfo(torch.float64).tiny).log()
    # time runs from −1 at the first look to 0 at the last
    time = torch.tensor([(step - steps[-1]) / (steps[-1] - steps[0]) for step in steps], dtype=torch.float64)
    whole = _Parabola(time, logarithms)
    # where growth ends in a plateau, the parabola through all looks turns down though nothing falls
    later = slice(count // 2, None)
    half = _Parabola(time[later], logarithms[..., later])
    line = (time[later] - time[later].mean()).to(logarithms.device)
    has_fallen = logarithms[..., later] @ line < 0
    under_way = (whole.rate < -whole.rate_error) & (whole.bend <= whole.bend_error) & has_fallen
    risk = torch.where(under_way, torch.minimum(whole.lost, half.lost), 0.0)
    risk = torch.where(order_parameters[..., -1] == 0, 1.0, risk)
    return torch.where(order_parameters.isfinite().all(dim=-1), risk, math.nan)
