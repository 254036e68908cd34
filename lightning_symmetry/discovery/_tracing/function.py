"""A function of a model's parameters, on whatever parameters it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn
from torch.func import functional_call
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map_only

from .contents import outputs


class NoTensor(ValueError):
    """There is nothing that could stay the same."""


class Function(nn.Module):
    """A function as a module that owns a model and puts out all tensors which the function computes.

    Args:
        model: Owns the parameters.
        function: What to compute, such as the model itself.
    """

    def __init__(self, model: nn.Module, function: Callable[..., Any]) -> None:
        super().__init__()
        self.model = model
        self.function = partial(function)  # which may be a module, but is no second child

    def forward(self, *args: Any, **kwargs: Any) -> list[Tensor]:
        """Compute.

        Returns:
            All tensors, wherever the output holds them.

        Raises:
            NoTensor: If there are none.
        """
        result = self.function(*args, **kwargs)
        found = outputs(result)
        if not found:
            raise NoTensor(f"the output holds no tensor: it is a {type(result).__name__}")
        return found

    def on(
        self, state: Mapping[str, Tensor], args: tuple[Any, ...], kwargs: Mapping[str, Any]
    ) -> list[Tensor]:
        """Compute on other parameters and buffers of the model.

        Args:
            state: Parameters and buffers by name.
            args: Positional arguments.
            kwargs: Keyword arguments.

        Returns:
            All tensors in the output.
        """
        owned = {f"model.{name}": tensor for name, tensor in state.items()}
        with _StandIns(self.model, state):
            found: list[Tensor] = functional_call(self, owned, args, dict(kwargs), tie_weights=True)
        return found


class _StandIns(TorchFunctionMode):
    """Replaces the model's own tensors where code has them from somewhere else than the model."""

    def __init__(self, model: nn.Module, state: Mapping[str, Tensor]) -> None:
        super().__init__()
        own = dict(model.named_parameters()) | dict(model.named_buffers())
        self._stand_ins = {id(tensor): state[name] for name, tensor in own.items() if name in state}

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        args, kwargs = tree_map_only(
            Tensor, lambda tensor: self._stand_ins.get(id(tensor), tensor), (args, kwargs or {})
        )
        return function(*args, **kwargs)
