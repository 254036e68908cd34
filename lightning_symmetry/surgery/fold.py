"""Turn a model with added symmetries into a plain one that computes the same."""

from typing import TypeVar

import torch
from torch import nn

from lightning_symmetry.surgery._factored import factored_modules, factors_of
from lightning_symmetry.surgery._take_off import check_foldable, fold_into_originals
from lightning_symmetry.surgery.undo import undo

Model = TypeVar("Model", bound=nn.Module)


@torch.no_grad()
def fold(model: Model) -> Model:
    """Write the weight that the factors make into the parameter that they replaced, and drop them.

    Outputs are equal bit for bit: the parameter gets the number that the forward pass used. The parameter is
    the same object as before :func:`add_symmetry`.

    Args:
        model: A model with an added symmetry. It is changed in place; fold a copy to keep training it.

    Returns:
        The model, with the classes, names and order of parameters that it had.

    Raises:
        ValueError: If the model has no symmetry added or removed, or an activation that no plain one equals.

    Example:
        >>> from torch import nn
        >>> from lightning_symmetry import ScalarGate, add_symmetry
        >>> type(fold(add_symmetry(nn.Linear(3, 2), ScalarGate())))
        <class 'torch.nn.modules.linear.Linear'>
    """
    check_foldable(model)
    for module in factored_modules(model):
        for name in module.factored:
            factors = factors_of(module, name)
            factors.original().copy_(factors())
    fold_into_originals(model)
    return undo(model)
