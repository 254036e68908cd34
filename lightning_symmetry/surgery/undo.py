"""Take back what steers a model as if it had never been there."""

from typing import TypeVar

from torch import nn

from lightning_symmetry.surgery._take_off import check_steered, take_off

Model = TypeVar("Model", bound=nn.Module)


def undo(model: Model) -> Model:
    """Give a model the very parameter objects back that :func:`add_symmetry` replaced.

    They hold the values of that moment: what the factors learned since is dropped. :func:`fold` keeps it.
    :func:`remove_symmetry` left the parameters themselves in training: they keep what they learned, and the
    offset that was added to them.

    An optimizer of the plain model goes on as it was. Parameters follow the model to its present device and
    precision.

    Args:
        model: A model with a symmetry added or removed. It is changed in place.

    Returns:
        The model, with the classes, names and order of parameters that it had.

    Raises:
        TypeError: If ``model`` is no module.
        ValueError: If the model has no symmetry added or removed.

    Example:
        >>> from torch import nn
        >>> from lightning_symmetry import LowRank, add_symmetry
        >>> model = nn.Linear(3, 2)
        >>> weight = model.weight
        >>> undo(add_symmetry(model, LowRank())).weight is weight
        True
    """
    check_steered(model)
    take_off(model, lambda computation, stored: computation.undone(stored))
    return model
