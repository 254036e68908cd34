"""What weight decay leaves of weights from one look to the next, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import SGD, Optimizer

from lightning_symmetry._plain_form import by_text, number, optional, record
from lightning_symmetry.surgery._decay_form import is_decoupled

FORM = record({"kept": by_text(optional(number)), "velocities": by_text(number)})
"""What the state of a clock may be."""


class DecayClock:
    """Multiplies 1 − ηλ over the steps of each parameter group.

    Known are SGD, where decay passes through the momentum like any gradient, and decoupled decay. Where an
    adaptive optimizer divides the decay by the size of the gradients, what it leaves depends on these: such
    groups are not known, unless their decay is zero. Steps that a gradient scaler skips are counted.
    """

    def __init__(self) -> None:
        self._kept: dict[str, float | None] = {}
        self._velocities: dict[str, float] = {}

    def restart(self) -> Mapping[str, float | None]:
        """Begin again; momentum goes on.

        Returns:
            The share of the weights that decay has left since the restart before, by the name of the
            parameter group; None where it is not known.
        """
        kept, self._kept = self._kept, {}
        return kept

    def step(self, optimizers: Sequence[Optimizer], optimizer: Optimizer) -> None:
        """Count a step that one of the optimizers is about to make.

        Args:
            optimizers: All optimizers.
            optimizer: One of them.
        """
        number = next(i for i, each in enumerate(optimizers) if each is optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if all(parameter.grad is None for parameter in group["params"]):
                continue  # optimizers leave it as it is
            name = _name(number, i)
            kept, decay = self._kept.get(name, 1.0), self._decay(name, optimizer, group)
            self._kept[name] = None if kept is None or decay is None else kept * (1 - decay)

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers."""
        return {"kept": dict(self._kept), "velocities": dict(self._velocities)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another clock was.

        Args:
            state: What its :meth:`state_dict` returned.
        """
        self._kept, self._velocities = dict(state["kept"]), dict(state["velocities"])

    def _decay(self, name: str, optimizer: Optimizer, group: Mapping[str, Any]) -> float | None:
        """The share of the weights that a step takes away; None if it is not known."""
        decay = group.get("weight_decay", 0.0)
        if isinstance(optimizer, SGD):
            return float(group["lr"] * self._velocity(name, decay, group))
        if not decay:
            return 0.0
        if is_decoupled(optimizer, group):
            return float(group["lr"] * decay)
        return None

    def _velocity(self, name: str, decay: float, group: Mapping[str, Any]) -> float:
        """What SGD makes of a gradient that is λ times the weight."""
        momentum = group["momentum"]
        if not momentum:
            return decay
        before = self._velocities.get(name)
        # the first gradient is not dampened
        velocity = decay if before is None else momentum * before + (1 - group["dampening"]) * decay
        self._velocities[name] = velocity
        return decay + momentum * velocity if group["nesterov"] else velocity


def parameter_groups(module: nn.Module, optimizers: Sequence[Optimizer]) -> dict[str, str]:
    """Name the parameter group of each parameter that is trained.

    Args:
        module: The model.
        optimizers: All optimizers.

    Returns:
        Names of groups by the names of parameters.
    """
    groups = {
        id(parameter): _name(number, i)
        for number, optimizer in enumerate(optimizers)
        for i, group in enumerate(optimizer.param_groups)
        for parameter in group["params"]
        if parameter.requires_grad
    }
    return {name: groups[id(p)] for name, p in module.named_parameters() if id(p) in groups}


def _name(optimizer: int, group: int) -> str:
    return f"{optimizer}.{group}"
