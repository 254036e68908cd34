"""Decay some parameters of an optimizer by a share of its weight decay."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from ...surgery._update_hooks import UpdateHooks


class DecayShare:
    """Hooks by which chosen parameters have their own weight decay in each step.

    During the update, and only there, they stand in parameter groups of their own, equal to theirs but for
    ``weight_decay``. That is exact whatever the rule of the optimizer, coupled or decoupled; its state, its
    groups outside a step and its schedulers do not know of it.

    Args:
        optimizer: Any torch optimizer.
        parameters: Returns those that it concerns at present.

    Attributes:
        strength: Share of the weight decay; at 1 nothing at all is done.

    Example:
        >>> import torch
        >>> one, two = (torch.nn.Parameter(torch.ones(())) for _ in range(2))
        >>> one.grad = two.grad = torch.zeros(())
        >>> optimizer = torch.optim.SGD([one, two], lr=0.5, weight_decay=1.0)
        >>> share = DecayShare(optimizer, lambda: [two])
        >>> share.strength = 0.5
        >>> optimizer.step()
        >>> one.item(), two.item(), len(optimizer.param_groups)
        (0.5, 0.75, 1)
        >>> share.remove()
    """

    def __init__(self, optimizer: Optimizer, parameters: Callable[[], Collection[Tensor]]) -> None:
        self.strength = 1.0
        self._optimizer = optimizer
        self._parameters = parameters
        self._whole: list[list[Any]] | None = None
        self._hooks = UpdateHooks(optimizer, self._split, self.restore)
        # what others do to a group in a step, such as decaying it themselves, they do to these too
        self._hooks.come_first()

    def restore(self) -> None:
        """Put the groups together again if a step raised."""
        if self._whole is None:
            return
        del self._optimizer.param_groups[len(self._whole) :]
        for group, parameters in zip(self._optimizer.param_groups, self._whole, strict=True):
            group["params"][:] = parameters
        self._whole = None

    def remove(self) -> None:
        """Detach from the optimizer."""
        self._hooks.remove()

    def _split(self) -> None:
        if self.strength == 1:
            return
        groups = self._optimizer.param_groups
        self._whole = [list(group["params"]) for group in groups]
        concerned = set(self._parameters())
        for group in list(groups):
            own = [parameter for parameter in group["params"] if parameter in concerned]
            if own and group.get("weight_decay", 0):
                group["params"][:] = [each for each in group["params"] if each not in concerned]
                decay = self.strength * group["weight_decay"]
                groups.append({**group, "params": own, "weight_decay": decay})
