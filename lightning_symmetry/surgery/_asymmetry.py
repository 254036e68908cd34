"""What removes symmetries of one parameter, which goes on being trained in its place."""

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from lightning_symmetry.surgery._computation import Computation
from lightning_symmetry.surgery._installed import Installed


class Asymmetry(Computation):
    """Computes a parameter from its trained self, by one removal after another.

    Args:
        parameter: The parameter; its owner keeps it.
        removals: What it passes through, in this order.
        said: Their configs, and the name that their draws depend on.
    """

    suffix: ClassVar[str] = "asymmetry"

    def __init__(self, parameter: nn.Parameter, removals: Sequence[Installed], said: str) -> None:
        super().__init__(parameter.shape, said)
        for number, removal in enumerate(removals):
            self.add_module(str(number), removal)

    @property
    def removals(self) -> list[Installed]:
        """What the parameter passes through, in this order."""
        return [removal for removal in self._modules.values() if isinstance(removal, Installed)]

    def forward(self, stored: Tensor | None) -> Tensor:
        """Return the parameter as the module uses it."""
        assert stored is not None
        for removal in self.removals:
            stored = removal(stored)
        return stored

    def stored_names(self) -> set[str]:
        """Return the empty name: the owner keeps the trained tensor."""
        return {""}

    def original(self, stored: nn.Parameter | None) -> nn.Parameter:
        """Return what is stored: it is the parameter."""
        assert stored is not None
        return stored

    def undone(self, stored: Tensor | None) -> Tensor:
        """Return the parameter without what was put into it."""
        assert stored is not None
        for removal in self.removals:
            stored = removal.undone(stored)
        return stored

    def settled(self, stored: Tensor | None) -> Tensor:
        """Return the parameter as the module uses it in evaluation."""
        assert stored is not None
        for removal in self.removals:
            stored = removal.settled(stored)
        return stored

    @torch.no_grad()
    def entries(self, name: str, weight: Tensor) -> dict[str, Tensor]:
        """Return what to store, and the counts that there are, which no plain model has."""
        like = next(self.buffers())
        weight = weight.to(like.device, like.dtype)
        for removal in reversed(self.removals):
            weight = removal.right_inverse(weight)
        counts = {key: value for key, value in self.state_dict().items() if not key.endswith("_extra_state")}
        return {"": weight, **counts}

    @torch.no_grad()
    def evaluated(self, entries: dict[str, Tensor]) -> Tensor:
        """Return the weight as the module would use it in evaluation."""
        stored = entries[""]
        like = next(self.buffers())
        return self.settled(stored.to(like.device))

    def attach(self, module: nn.Module) -> None:
        """Hook the owner where a removal needs it."""
        for removal in self.removals:
            removal.attach(module)

    def detach(self, module: nn.Module) -> None:
        """Take the hooks away."""
        for removal in self.removals:
            removal.detach(module)

    def extra_repr(self) -> str:
        """Show the configs."""
        return self.said
