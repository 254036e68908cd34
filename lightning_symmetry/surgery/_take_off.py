"""Take off what steers a model."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lightning_symmetry.layers.asymmetric_activation import AsymmetricActivation
from lightning_symmetry.surgery._computation import Computation
from lightning_symmetry.surgery._computed import computation_of, computed_modules, detach
from lightning_symmetry.surgery._module import check_module


def check_steered(model: nn.Module) -> None:
    """Refuse a model of which nothing can be taken off."""
    check_module(model)
    if not computed_modules(model) and not _activations(model):
        raise ValueError("`model` must have an added symmetry, found none, nor a removed one")


def check_foldable(model: nn.Module) -> None:
    """Refuse a model that no plain one computes the same as."""
    check_module(model)
    for name, module in model.named_modules():
        if isinstance(module, AsymmetricActivation):
            raise ValueError(
                f"`model` must compute what a plain one can for it to be folded, found `{name}`, an "
                "activation x·sigmoid(Cx) that no plain one equals; keep it, or take it back with `undo`"
            )


@torch.no_grad()
def take_off(model: nn.Module, leave: Callable[[Computation, nn.Parameter | None], Tensor]) -> None:
    """Give a model its parameters and activations back, the very objects.

    Args:
        model: A model.
        leave: Says which value a parameter has afterwards, from what computes it and what is stored.
    """
    settled: set[nn.Parameter] = set()
    modules = computed_modules(model)
    for module in modules:
        for name, _ in module.computed:
            computation, stored = computation_of(module, name), module._parameters[name]
            original = computation.original(stored)
            # A tied parameter has several owners: an offset that is added once must not be added twice.
            if original not in settled:
                original.copy_(leave(computation, stored))
                settled.add(original)
    for module in modules:
        detach(module)
    by: dict[nn.Module, nn.Module] = {}
    for own in _activations(model):
        if own.replaced is not None:
            by[own] = own.replaced
    replace_modules(model, by)


def replace_modules(model: nn.Module, by: dict[nn.Module, nn.Module]) -> None:
    """Put modules in the place of others, wherever these are used."""
    for parent in list(model.modules()):
        # What stands in for a module keeps it.
        if not isinstance(parent, AsymmetricActivation):
            for child, module in parent._modules.items():
                if module in by:
                    parent._modules[child] = by[module]


def _activations(model: nn.Module) -> list[AsymmetricActivation]:
    return [module for module in model.modules() if isinstance(module, AsymmetricActivation)]
