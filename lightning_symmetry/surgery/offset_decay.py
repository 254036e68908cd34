"""Make any optimizer decay its parameters towards an offset instead of towards zero."""

from collections.abc import Callable, Mapping
from typing import Any, cast
from weakref import WeakSet

import torch
from torch import Tensor
from torch.optim import Optimizer

# Below float32 an offset of the usual size is under the rounding step of the weight that it is subtracted
# from.
_PRECISIONS = (torch.float32, torch.float64)

# Two offsets on one optimizer would add up to a third that neither owner asked for.
_ATTACHED: WeakSet[Optimizer] = WeakSet()


class OffsetDecay:
    r"""Hooks by which an optimizer updates :math:`\theta' - \theta_0` while the model keeps :math:`\theta'`.

    Around the update, and only there, the offset :math:`\theta_0` is subtracted from the parameters. The
    optimizer then decays towards :math:`\theta' = \theta_0`, whatever its rule and whether its decay is
    coupled or decoupled, exactly as if :math:`\ell(\theta + \theta_0)` had been trained with decay of
    :math:`\theta`. The model's function does not jump when the hooks are attached or removed, its forward
    costs nothing more and none of its parameters is renamed.

    At each step the offset applies to parameters that have a gradient and whose group has a nonzero
    ``weight_decay`` at that moment: without decay the offset cancels. Offsets are drawn the first time they
    are needed, so parameters that are unfrozen later get theirs too. A step that raises after the subtraction
    leaves it in place until :meth:`restore`, :meth:`remove` or the next step.

    Reference: Ziyin, Xu, Chuang, arXiv 2408.15495, in the form :math:`g \leftarrow g + 2\gamma(\theta' -
        \theta_0)`.

    Args:
        optimizer: Any torch optimizer with ``weight_decay`` in its groups.
        names: Name of each parameter that may get an offset; a parameter shared by several modules appears
            once.
        draw: Called once with the name of a parameter, returns its frozen offset, of the same shape.

    Attributes:
        strength: Share of the offset towards which steps decay, 1 at first. It may be set between steps, to
            any number: 0 is plain weight decay.

    Raises:
        ValueError: If the optimizer has no ``weight_decay``, updates no trainable parameter of ``names`` or
            one less precise than float32.
        RuntimeError: If the optimizer has an offset already.

    Example:
        >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
        >>> weight.grad = torch.zeros(1)
        >>> optimizer = torch.optim.SGD([weight], lr=0.5, weight_decay=1.0)
        >>> hooks = OffsetDecay(optimizer, {weight: "weight"}, draw=lambda name: torch.tensor([3.0]))
        >>> for _ in range(20):
        ...     optimizer.step()
        >>> weight.detach().round(decimals=3)
        tensor([3.])
        >>> hooks.remove()
    """

    def __init__(
        self, optimizer: Optimizer, names: Mapping[Tensor, str], draw: Callable[[str], Tensor]
    ) -> None:
        if not has_weight_decay(optimizer):
            raise ValueError(
                f"`optimizer` must have `weight_decay` in its parameter groups, found "
                f"{type(optimizer).__name__} with {sorted(set(optimizer.param_groups[0]) - {'params'})}"
            )
        if optimizer in _ATTACHED:
            raise RuntimeError(
                f"`optimizer` must not have an offset already, found one on {type(optimizer).__name__}"
            )
        matched = matching(optimizer, names)
        if not matched:
            total = sum(len(group["params"]) for group in optimizer.param_groups)
            raise ValueError(
                "`optimizer` must update at least one trainable parameter of `names`, found none among its "
                f"{total} parameters and {len(names)} names"
            )
        for parameter, _ in matched:
            _check_precision(names[parameter], parameter)

        self.strength = 1.0
        self._optimizer = optimizer
        self._names = names
        self._draw = draw
        self._offsets: dict[Tensor, Tensor] = {}
        self._shifted: list[tuple[list[Tensor], list[Tensor], float]] = []
        self._handles = (
            optimizer.register_step_pre_hook(cast(Any, self._before_step)),
            optimizer.register_step_post_hook(self._after_step),
        )
        _ATTACHED.add(optimizer)

    @torch.no_grad()
    def restore(self) -> None:
        """Give the parameters their values back if a step raised while the offset was subtracted."""
        while self._shifted:
            parameters, offsets, strength = self._shifted.pop()
            torch._foreach_add_(parameters, offsets, alpha=strength)

    def remove(self) -> None:
        """Detach from the optimizer, leaving the model as it is; a second call does nothing."""
        self.restore()
        for handle in self._handles:
            handle.remove()
        _ATTACHED.discard(self._optimizer)

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        self.restore()
        # `args` begins with the optimizer itself.
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            self._subtract()
            return None

        # A closure computes the gradients, which must be those of the model's own parameters, and it may be
        # called several times between moves of the parameters.
        def closure_on_model() -> Any:
            self.restore()
            loss = closure()
            self._subtract()
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": closure_on_model}
        return (args[0], closure_on_model, *args[2:]), kwargs

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.restore()

    @torch.no_grad()
    def _subtract(self) -> None:
        # The fused multi-tensor kernels want one device and one precision a call.
        batches: dict[tuple[torch.device, torch.dtype], tuple[list[Tensor], list[Tensor]]] = {}
        for group in self._optimizer.param_groups:
            if group["weight_decay"] == 0:
                continue
            for parameter in group["params"]:
                if parameter.grad is not None and parameter in self._names:
                    batch = batches.setdefault((parameter.device, parameter.dtype), ([], []))
                    batch[0].append(parameter)
                    batch[1].append(self._offset(parameter))
        for batch in batches.values():
            torch._foreach_sub_(*batch, alpha=self.strength)
            self._shifted.append((*batch, self.strength))

    def _offset(self, parameter: Tensor) -> Tensor:
        offset = self._offsets.get(parameter)
        if offset is None or offset.device != parameter.device or offset.dtype != parameter.dtype:
            name = self._names[parameter]
            _check_precision(name, parameter)
            offset = self._offsets[parameter] = self._draw(name).to(parameter.device, parameter.dtype)
        return offset


def has_weight_decay(optimizer: Optimizer) -> bool:
    """Tell whether every parameter group of an optimizer has a ``weight_decay``, be it zero.

    Args:
        optimizer: Any torch optimizer.

    Returns:
        False for optimizers without the option, such as LBFGS.
    """
    return all("weight_decay" in group for group in optimizer.param_groups)


def matching(optimizer: Optimizer, names: Mapping[Tensor, str]) -> list[tuple[Tensor, float]]:
    """List the named parameters that an optimizer trains.

    Args:
        optimizer: An optimizer with ``weight_decay`` in its groups.
        names: Name of each parameter that may match.

    Returns:
        Pairs of a parameter that requires a gradient and its present weight decay.
    """
    return [
        (parameter, group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
        if parameter.requires_grad and parameter in names
    ]


def _check_precision(name: str, parameter: Tensor) -> None:
    if parameter.dtype not in _PRECISIONS:
        raise ValueError(
            f"parameter `{name}` must be float32 or float64 for its offset not to be lost to rounding, found "
            f"{parameter.dtype}; train with mixed precision, or leave it out with `filter`"
        )
