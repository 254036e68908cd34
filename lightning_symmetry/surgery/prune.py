"""Make what weight decay has nearly removed exactly zero."""

import math
from typing import TypeVar

from torch import nn

from lightning_symmetry.surgery._factors import Factors
from lightning_symmetry.surgery._module import check_module

Model = TypeVar("Model", bound=nn.Module)


def prune(model: Model, threshold: float = 1e-6) -> Model:
    """Set every unit of an added symmetry whose size is at most a threshold to exactly zero.

    A unit is what the penalty counts: an entry (:class:`Hadamard`, its absolute value), a group
    (:class:`GroupGate`, its norm), a direction (:class:`LowRank`, its singular value: the factors have
    exactly that many nonzero pairs left), a reflection (:class:`Mirror`, the norm of the mirrored part) or
    the parameter (:class:`ScalarGate`, its norm). All its factors become zero, so it stays zero when training
    goes on.

    Args:
        model: A model with an added symmetry. It is changed in place.
        threshold: Largest size that counts as zero, in units of the parameter.

    Returns:
        The model.

    Raises:
        TypeError: If ``model`` is no module.
        ValueError: If the model has no added symmetry, or the threshold is no finite number of at least 0.

    Example:
        >>> import torch
        >>> from lightning_symmetry import Hadamard, add_symmetry, fold
        >>> model = torch.nn.Linear(3, 1, bias=False)
        >>> _ = model.weight.data.copy_(torch.tensor([[4.0, 1e-9, -1.0]]))
        >>> fold(prune(add_symmetry(model, Hadamard()))).weight.tolist()
        [[4.0, 0.0, -1.0]]
    """
    check_module(model)
    number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
    if not (number and math.isfinite(threshold) and threshold >= 0):
        raise ValueError(f"`threshold` must be a finite number of at least 0, found {threshold!r}")
    # Tied parameters share their factors, which are listed once.
    found = [module for module in model.modules() if isinstance(module, Factors)]
    if not found:
        raise ValueError("`model` must have an added symmetry, found none")
    for factors in found:
        factors.prune(threshold)
    return model
