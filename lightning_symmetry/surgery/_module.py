"""What is no module is not steered."""

from torch import nn


def check_module(model: object) -> None:
    """Refuse what is no module."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"`model` must be a torch.nn.Module, found {type(model).__name__}")
