"""What the gradients of a step in training say about symmetries."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim import Optimizer

from ..metrics.order_parameters import OrderParameters


def motion(measure: OrderParameters, module: nn.Module, optimizer: Optimizer) -> dict[str, Tensor]:
    """Measure the growth rates of what an optimizer is about to move.

    Args:
        measure: knows the symmetries.
        module: the model, with gradients.
        optimizer: says which parameters it moves, and how it decays them.

    Returns:
        A scalar tensor by key; what another optimizer moves is left out.
    """
    decay = {
        id(p): group.get("weight_decay", 0.0) for group in optimizer.param_groups for p in group["params"]
    }
    moved = {name: p for name, p in module.named_parameters() if id(p) in decay}
    gradients = {name: p.grad for name, p in moved.items() if p.grad is not None}
    return measure.motion(moved, gradients, {name: decay[id(p)] for name, p in moved.items()})
