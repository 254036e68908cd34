"""Turn a steered model into a plain one that computes the same."""

from typing import TypeVar

from torch import nn

from lightning_symmetry.surgery._take_off import check_foldable, check_steered, take_off

Model = TypeVar("Model", bound=nn.Module)


def fold(model: Model) -> Model:
    """Write what a model computes its parameters to be into the parameters, and drop what computes them.

    Outputs in evaluation are equal bit for bit: each parameter gets the numbers that the forward pass used.
    It is the same object as before :func:`add_symmetry` or :func:`remove_symmetry`. For the values alone,
    without a change of the model, see :func:`plain_state_dict`.

    Args:
        model: A model with a symmetry added or removed. It is changed in place; fold a copy to keep
            training it.

    Returns:
        The model, with the classes, names and order of parameters that it had.

    Raises:
        TypeError: If ``model`` is no module.
        ValueError: If the model has no symmetry added or removed, or an activation that no plain one equals.

    Example:
        >>> from torch import nn
        >>> from lightning_symmetry import ScalarGate, add_symmetry
        >>> type(fold(add_symmetry(nn.Linear(3, 2), ScalarGate())))
        <class 'torch.nn.modules.linear.Linear'>
    """
    check_foldable(model)
    check_steered(model)
    take_off(model, lambda computation, stored: computation.settled(stored))
    return model
