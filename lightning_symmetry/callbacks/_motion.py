"""What the gradients of a step in training say about symmetries."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.optim import Optimizer

from ..metrics._model.whole_values import WholeValues
from ..metrics.order_parameters import OrderParameters


def motion(
    measure: OrderParameters,
    module: nn.Module,
    optimizer: Optimizer,
    scale: float,
    before: Callable[[str], object],
) -> dict[str, Tensor]:
    """Measure the growth rates of what an optimizer is about to move.

    Args:
        measure: knows the symmetries.
        module: the model, with gradients.
        optimizer: says which parameters it moves, and how it decays them.
        scale: how many times too large the gradients are.
        before: called with a name before processes exchange anything.

    Returns:
        A scalar tensor by key; what another optimizer moves is left out.
    """
    decay = {
        id(p): group.get("weight_decay", 0.0) for group in optimizer.param_groups for p in group["params"]
    }
    moved = {name: p for name, p in module.named_parameters() if id(p) in decay}
    gradients = {name: p.grad for name, p in moved.items() if p.grad is not None}
    if not gradients:  # the strategy keeps them elsewhere
        return {}
    if scale != 1:
        gradients = {name: gradient / scale for name, gradient in gradients.items()}
    weights, slopes = WholeValues(moved, before), WholeValues(gradients, before)
    return measure.motion(weights, slopes, {name: decay[id(p)] for name, p in moved.items()})
