"""Decay of an optimizer's parameters towards offsets, made for one step at a time."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from lightning_symmetry.surgery._decay_form import Form, decay_form
from lightning_symmetry.surgery._decay_step import (
    Opened,
    Pulled,
    Shift,
    Undecayed,
    approach_,
    shrink_,
    target,
)
from lightning_symmetry.surgery._master_weights import FromZero, MasterWeights

Draw = Callable[[str], Tensor]

_HALF = (torch.bfloat16, torch.float16)
_PRECISIONS = (torch.float32, torch.float64, *_HALF)


class Towards:
    """Knows the offset and the metric of each parameter, and how to change a step so that it decays to them.

    Args:
        optimizer: The optimizer.
        names: Name of each parameter that may get an offset.
        draw: Returns the offset of a name.
        metric: Returns the metric less 1 of a name.
    """

    def __init__(
        self, optimizer: Optimizer, names: Mapping[Tensor, str], draw: Draw, metric: Draw | None
    ) -> None:
        self._optimizer, self._names = optimizer, names
        self._draws = (draw,) if metric is None else (draw, metric)
        self._drawn: dict[Tensor, list[Tensor]] = {}
        self._masters = MasterWeights()

    def check(self) -> None:
        """Refuse what would go wrong at a step.

        Raises:
            ValueError: If the offset of a parameter would be lost, or the optimizer cannot have a metric.
        """
        for group in self._optimizer.param_groups:
            for parameter in group["params"]:
                if parameter.requires_grad and parameter in self._names:
                    self._check(group, parameter)

    def open(self, strength: float, opened: list[Opened]) -> None:
        """Change the step that follows.

        Args:
            strength: Share of the offsets.
            opened: Takes what to close after the step.
        """
        moving = [
            (group, [parameter for parameter in group["params"] if parameter.grad is not None])
            for group in self._optimizer.param_groups
            if group["weight_decay"] != 0
        ]
        # All is drawn and checked before the first parameter moves.
        for group, parameters in moving:
            for parameter in parameters:
                if parameter in self._names:
                    self._prepare(group, parameter)
        for group, parameters in moving:
            self._open_group(group, parameters, strength, opened)

    def _check(self, group: Mapping[str, Any], parameter: Tensor) -> None:
        name, kind = self._names[parameter], type(self._optimizer).__name__
        if parameter.dtype not in _PRECISIONS:
            raise ValueError(
                f"parameter `{name}` must be float32 or float64, or bfloat16 or float16, found "
                f"{parameter.dtype}; leave it out with `filter`"
            )
        if decay_form(self._optimizer, group) is not None:
            return
        if parameter.dtype in _HALF:
            raise ValueError(
                f"parameter `{name}` must be float32 or float64 for its offset not to be lost to rounding in "
                f"a step of {kind}, which may use the weights for more than their decay, found "
                f"{parameter.dtype}; train with mixed precision, or leave it out with `filter`"
            )
        if len(self._draws) > 1:
            raise ValueError(
                "a metric (`spread`) must have an optimizer that is known to use the weights for their decay "
                f"alone, found {kind}"
            )

    def _prepare(self, group: Mapping[str, Any], parameter: Tensor) -> None:
        precision = _precision(parameter)
        drawn = self._drawn.get(parameter)
        self._check(group, parameter)
        if drawn is None or drawn[0].device != parameter.device or drawn[0].dtype != precision:
            name = self._names[parameter]
            self._drawn[parameter] = [draw(name).to(parameter.device, precision) for draw in self._draws]

    def _open_group(
        self, group: dict[str, Any], parameters: list[Tensor], strength: float, opened: list[Opened]
    ) -> None:
        form = decay_form(self._optimizer, group)
        # The multi-tensor kernels want one device, one precision and one way of sharding a call.
        batches: dict[tuple[Any, ...], list[Tensor]] = {}
        for parameter in parameters:
            if parameter in self._names:
                kind = (parameter.device, parameter.dtype, getattr(parameter, "placements", None))
                batches.setdefault(kind, []).append(parameter)
        for batch in batches.values():
            self._open_batch(group, form, batch, strength, opened)
        if form == "decoupled" and batches:
            others = [parameter for parameter in parameters if parameter not in self._names]
            shrink_(others, *self._decay(group))
            opened.append(Undecayed(group))

    def _open_batch(
        self,
        group: dict[str, Any],
        form: Form | None,
        parameters: list[Tensor],
        strength: float,
        opened: list[Opened],
    ) -> None:
        offsets, *metrics = map(list, zip(*map(self._drawn.__getitem__, parameters), strict=True))
        if form is None:
            opened.append(Shift(parameters, offsets, strength))
            return
        half = parameters[0].dtype in _HALF
        weights = self._masters.of(parameters) if half else parameters
        targets = target(weights, offsets, metrics[0] if metrics else None, strength)
        if form == "decoupled":
            approach_(weights, targets, *self._decay(group))
        else:
            # An optimizer that steps from zero adds no decay of its own.
            pulls = list(torch._foreach_sub(targets, weights)) if half else targets
            opened.append(self._pull(group, parameters, pulls))
        if half:
            opened.append(FromZero(parameters, weights))

    def _decay(self, group: Mapping[str, Any]) -> tuple[Any, Tensor | None]:
        # A fused optimizer finds out by itself that it has to skip a step.
        return group["lr"] * group["weight_decay"], getattr(self._optimizer, "found_inf", None)

    def _pull(self, group: Mapping[str, Any], parameters: list[Tensor], pulls: list[Tensor]) -> Pulled:
        # A fused optimizer takes gradients as the scaler left them.
        scale = getattr(self._optimizer, "grad_scale", None)
        if scale is not None:
            pulls = [pull * scale.to(pull) for pull in pulls]
        sign = 1 if group.get("maximize") else -1
        return Pulled(parameters, pulls, sign * group["weight_decay"])


def _precision(parameter: Tensor) -> torch.dtype:
    return torch.float32 if parameter.dtype in _HALF else parameter.dtype
