"""Take added symmetries back as if they had never been there."""

from typing import TypeVar

from torch import nn

from lightning_symmetry.surgery._factored import detach, factored_modules
from lightning_symmetry.surgery._take_off import is_steered, undo_removals

Model = TypeVar("Model", bound=nn.Module)


def undo(model: Model) -> Model:
    """Give a model the very parameter objects back that :func:`add_symmetry` replaced.

    They hold the values of that moment: what the factors learned since is dropped. :func:`fold` keeps it.
    :func:`remove_symmetry` left the parameters themselves in training: they keep what they learned, and the
    offset that was added to them.

    An optimizer of the plain model goes on as it was. Parameters follow the model to its present device and
    precision.

    Args:
        model: A model with an added symmetry. It is changed in place.

    Returns:
        The model, with the classes, names and order of parameters that it had.

    Raises:
        ValueError: If the model has no added symmetry.

    Example:
        >>> from torch import nn
        >>> from lightning_symmetry import LowRank, add_symmetry
        >>> model = nn.Linear(3, 2)
        >>> weight = model.weight
        >>> undo(add_symmetry(model, LowRank())).weight is weight
        True
    """
    modules = factored_modules(model)
    if not modules and not is_steered(model):
        raise ValueError("`model` must have an added symmetry, found none, nor a removed one")
    for module in modules:
        detach(module)
    undo_removals(model)
    return model
