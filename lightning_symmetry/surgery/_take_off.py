"""Take off what :func:`remove_symmetry` put into a model."""

from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from lightning_symmetry.layers.asymmetric_activation import AsymmetricActivation
from lightning_symmetry.surgery._installed import Installed


def is_steered(model: nn.Module) -> bool:
    """Tell whether a symmetry of a model has been removed in its layers."""
    return any(isinstance(module, (Installed, AsymmetricActivation)) for module in model.modules())


@torch.no_grad()
def undo_removals(model: nn.Module) -> None:
    """Give a model its parameters and activations back, the very objects, without what stood before them."""
    values: dict[nn.Parameter, Tensor] = {}
    for module, attribute, installed, original in _installed(model):
        values.setdefault(original, installed.undone(original))
        installed.detach(module)
        # Copies of a model share the class that this takes the attribute away from.
        kind = type(module)
        module.__class__ = type(kind.__name__, kind.__bases__, dict(vars(kind)))
        parametrize.remove_parametrizations(module, attribute, leave_parametrized=False)
    for original, value in values.items():
        original.copy_(value)
    activations = [module for module in model.modules() if isinstance(module, AsymmetricActivation)]
    replace_modules(model, {own: own.replaced for own in activations if own.replaced is not None})


def check_foldable(model: nn.Module) -> None:
    """Refuse a model that no plain one computes the same as."""
    for name, module in model.named_modules():
        if isinstance(module, AsymmetricActivation):
            raise ValueError(
                f"`model` must compute what a plain one can for it to be folded, found `{name}`, an "
                "activation x·sigmoid(Cx) that no plain one equals; keep it, or take it back with `undo`"
            )


@torch.no_grad()
def fold_into_originals(model: nn.Module) -> None:
    """Give the parameters the values with which undoing leaves what evaluation uses."""
    values: dict[nn.Parameter, Tensor] = {}
    for _, _, installed, original in _installed(model):
        values.setdefault(original, installed.settled(original))
    for original, value in values.items():
        original.copy_(value)


def replace_modules(model: nn.Module, by: dict[nn.Module, nn.Module]) -> None:
    """Put modules in the place of others, wherever these are used."""
    for parent in list(model.modules()):
        # What stands in for a module keeps it.
        if not isinstance(parent, AsymmetricActivation):
            for child, module in parent._modules.items():
                if module in by:
                    parent._modules[child] = by[module]


def _installed(model: nn.Module) -> Iterator[tuple[nn.Module, str, Installed, nn.Parameter]]:
    for module in list(model.modules()):
        if parametrize.is_parametrized(module):
            for attribute, parametrisations in list(cast(Any, module.parametrizations).items()):
                if isinstance(parametrisations[0], Installed):
                    yield module, attribute, parametrisations[0], parametrisations.original
