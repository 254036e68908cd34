"""What is done around one step of an optimizer so that it decays towards a target.

Everything here acts on lists of tensors and is made before the step; ``close`` gives back after it what the
step was only lent.
"""

from typing import Any, Protocol, cast

import torch
from torch import Tensor


class Opened(Protocol):
    """What waits for the end of a step."""

    def close(self) -> None:
        """Give back what the step was lent."""


class Shift:
    r"""Shows the optimizer :math:`\theta = \theta' - s\theta_0`, whatever it does with it."""

    def __init__(self, parameters: list[Tensor], offsets: list[Tensor], strength: float) -> None:
        self._lent = (parameters, offsets, strength)
        torch._foreach_sub_(parameters, offsets, alpha=strength)

    def close(self) -> None:
        """Add the offset again."""
        parameters, offsets, strength = self._lent
        torch._foreach_add_(parameters, offsets, alpha=strength)


class Pulled:
    """Shows the optimizer gradients to which a multiple of other tensors is added."""

    def __init__(self, parameters: list[Tensor], pulls: list[Tensor], factor: float | Tensor) -> None:
        self._parameters = parameters
        self._gradients = [cast(Tensor, parameter.grad) for parameter in parameters]
        # The very gradients come back: others read them after the step, and may accumulate into them.
        for parameter, pulled in zip(parameters, plus(self._gradients, pulls, factor), strict=True):
            parameter.grad = pulled.to(parameter.dtype)

    def close(self) -> None:
        """Give the gradients back."""
        for parameter, gradient in zip(self._parameters, self._gradients, strict=True):
            parameter.grad = gradient


class Undecayed:
    """Keeps the optimizer from decaying a group, which has been decayed already."""

    def __init__(self, group: dict[str, Any]) -> None:
        self._group, self._decay = group, group["weight_decay"]
        group["weight_decay"] = 0.0

    def close(self) -> None:
        """Give the group its weight decay back."""
        self._group["weight_decay"] = self._decay


def target(
    weights: list[Tensor], offsets: list[Tensor], metrics: list[Tensor] | None, strength: float
) -> list[Tensor]:
    r"""Return :math:`t` such that :math:`w - t = d \odot (w - s\theta_0)`.

    Args:
        weights: :math:`w`.
        offsets: :math:`\theta_0`.
        metrics: :math:`d - 1`, or None for :math:`d = 1`.
        strength: :math:`s`.

    Returns:
        Tensors of the same shapes; the offsets themselves if these are the targets.
    """
    points = offsets if strength == 1 else list(torch._foreach_mul(offsets, strength))
    if metrics is None:
        return points
    # A sum of differences: 1 + (d - 1) would be rounded to 1 in low precision.
    targets = torch._foreach_sub(points, weights)
    torch._foreach_mul_(targets, metrics)
    torch._foreach_add_(targets, points)
    return list(targets)


def approach_(
    weights: list[Tensor], targets: list[Tensor], share: float | Tensor, skipped: Tensor | None
) -> None:
    """Move weights a share of the way to their targets, rounding once.

    To add only what the optimizer's own decay leaves out, a share of the offset, would be lost: it is less
    than half a rounding step of a float32 weight at usual rates.

    Args:
        weights: Changed in place.
        targets: Where to.
        share: A number, or a tensor of one if the learning rate is a tensor.
        skipped: A tensor that holds 1 if nothing is to move after all.
    """
    if skipped is None and not isinstance(share, Tensor):
        torch._foreach_lerp_(weights, targets, share)
        return
    for weight, end in zip(weights, targets, strict=True):
        weight.lerp_(end, _unless(skipped, share, weight))


def shrink_(weights: list[Tensor], share: float | Tensor, skipped: Tensor | None) -> None:
    """Decay weights to zero in the very operation of the optimizers of torch.

    Args:
        weights: Changed in place.
        share: As above.
        skipped: As above.
    """
    for weight in weights:
        weight.mul_(1 - (share if skipped is None else _unless(skipped, share, weight)))


def _unless(skipped: Tensor | None, share: float | Tensor, weight: Tensor) -> Tensor:
    moves = weight.new_ones(()) if skipped is None else 1 - skipped.to(weight)
    return (share * moves).to(weight)


def plus(tensors: list[Tensor], others: list[Tensor], factor: float | Tensor) -> list[Tensor]:
    """Return tensors plus a multiple of others.

    Args:
        tensors: Any.
        others: Of the same shapes.
        factor: A number, or a tensor of one.

    Returns:
        New tensors.
    """
    if isinstance(factor, Tensor):
        return [tensor + other * factor for tensor, other in zip(tensors, others, strict=True)]
    return list(torch._foreach_add(tensors, others, alpha=factor))
