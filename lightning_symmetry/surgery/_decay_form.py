"""Where the weight decay of an optimizer enters its step."""

from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch.optim import Optimizer

Form = Literal["coupled", "decoupled"]


def _known(*names: str) -> tuple[type[Optimizer], ...]:
    return tuple(getattr(torch.optim, name) for name in names if hasattr(torch.optim, name))


_DECOUPLED = _known("AdamW", "Adafactor", "Muon")

# Those whose step depends on the weights through weight decay alone. It does not hold for Adafactor, which
# measures the weights, nor for ASGD, which shrinks and averages them.
_ONLY_DECAYING = _known(
    "SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Muon"
)


def is_decoupled(optimizer: Optimizer, group: Mapping[str, Any]) -> bool:
    """Tell whether an optimizer shrinks the weights of a group beside the step along the gradient.

    Args:
        optimizer: Any.
        group: One of its parameter groups.

    Returns:
        True for AdamW and its like; False if the decay is a part of the gradient.
    """
    return isinstance(optimizer, _DECOUPLED) or bool(group.get("decoupled_weight_decay"))


def decay_form(optimizer: Optimizer, group: Mapping[str, Any]) -> Form | None:
    r"""Tell how a step depends on the weights :math:`p` of a group, if it does so through decay alone.

    Args:
        optimizer: Any.
        group: One of its parameter groups.

    Returns:
        ``"coupled"``: the step sees :math:`g + \lambda p` in the place of the gradient :math:`g`;
        ``"decoupled"``: it begins with :math:`p \leftarrow (1 - \eta\lambda) p`; None if the optimizer also
        uses the weights in another way, or if it is none of torch's own, so that nobody knows.
    """
    # A subclass may do anything with the weights.
    if type(optimizer) not in _ONLY_DECAYING:
        return None
    return "decoupled" if is_decoupled(optimizer, group) else "coupled"
