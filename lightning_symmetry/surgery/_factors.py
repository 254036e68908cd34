"""The factors of one parameter, and the parameter that they replace."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from lightning_symmetry.surgery._computation import Computation
from lightning_symmetry.surgery.factorisation import Factorisation


class Factors(Computation):
    """Trains the factors of a parameter; calling it gives the weight that they make.

    Args:
        config: How to write the parameter.
        parameter: The parameter, whose value the factors start from.
    """

    suffix: ClassVar[str] = "factors"

    def __init__(self, config: Factorisation, parameter: nn.Parameter) -> None:
        super().__init__(parameter.shape, repr(config))
        self.config = config
        # In a tuple, so that it is no parameter of this module: no optimizer, checkpoint or count sees it.
        self._original = (parameter,)
        for name, factor in config.split(parameter.detach()).items():
            self.register_parameter(name, nn.Parameter(factor))
        # Not persistent: the config gives them again, and a checkpoint holds what is trained.
        for name, constant in config.constants(parameter.detach()).items():
            self.register_buffer(name, constant, persistent=False)

    def forward(self, stored: Tensor | None = None) -> Tensor:
        """Return the weight; the owner stores nothing."""
        # A product in half precision would be rounded before the layer rounds the weight.
        with torch.autocast(next(self.parameters()).device.type, enabled=False):
            return self.config.join(self._tensors(), self.shape)

    def stored_names(self) -> set[str]:
        """Return the names of the factors."""
        return set(self._parameters)

    def original(self, stored: nn.Parameter | None = None) -> nn.Parameter:
        """Return the parameter as it was, on the device and in the precision that the factors have now."""
        (original,) = self._original
        like = next(self.parameters())
        if original.device != like.device or original.dtype != like.dtype:
            original.data = original.data.to(like.device, like.dtype)
        return original

    def undone(self, stored: nn.Parameter | None) -> Tensor:
        """Return the value of the parameter when its factors were made."""
        return self.original()

    def settled(self, stored: nn.Parameter | None) -> Tensor:
        """Return the weight."""
        weight: Tensor = self()
        return weight

    @torch.no_grad()
    def prune(self, threshold: float) -> None:
        """Zero every unit up to a threshold."""
        for name, factor in self.config.prune(self._tensors(), self.shape, threshold).items():
            self.get_parameter(name).copy_(factor)

    @torch.no_grad()
    def entries(self, name: str, weight: Tensor) -> dict[str, Tensor]:
        """Return the factors of another value of the parameter."""
        weight = weight.to(next(self.parameters()))
        self.config.check(name, weight)
        return self.config.split(weight)

    @torch.no_grad()
    def evaluated(self, entries: dict[str, Tensor]) -> Tensor:
        """Return the weight that other factors make."""
        return self.config.join(
            {name: entries.get(name, own) for name, own in self._tensors().items()}, self.shape
        )

    def extra_repr(self) -> str:
        """Show the config."""
        return repr(self.config)

    def _tensors(self) -> dict[str, Tensor]:
        named = {**self._parameters, **self._buffers}
        return {name: tensor for name, tensor in named.items() if tensor is not None}
