"""What is no module is not steered."""

from torch import nn

from lightning_symmetry.functional._check import check


def check_module(model: object) -> None:
    """Refuse what is no module."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"`model` must be a torch.nn.Module, found {type(model).__name__}")


def parameter_of(model: nn.Module, name: str) -> nn.Parameter:
    """Return the parameter of a name, where a removal stands in its layer the one that is trained."""
    check_module(model)
    check(isinstance(name, str), "name", "be a text", name)
    owner, _, leaf = name.rpartition(".")
    try:
        parameter = model.get_submodule(owner)._parameters[leaf]
    except (AttributeError, KeyError):
        parameter = None
    if parameter is None:
        raise ValueError(f"`name` must be that of a parameter of {type(model).__name__}, found {name!r}")
    return parameter
