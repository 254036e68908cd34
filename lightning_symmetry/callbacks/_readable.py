"""Refusing models whose parameters do not hold their values."""

from __future__ import annotations

from torch import nn

HIDDEN = {
    "_is_flat_param": "one flat vector of many parameters (FSDPStrategy)",
    "_fsdp_flattened": "a part of a flat vector (FSDPStrategy)",
    "ds_id": "empty between two uses (DeepSpeed at stage 3)",
}
"""What a parameter is that does not hold its values, by the attribute that its owner puts on it."""


def check_readable(module: nn.Module, reader: str) -> None:
    """Make sure that every parameter has its values and its shape.

    Args:
        module: The model.
        reader: Who wants to read it.

    Raises:
        ValueError: If a parameter is partitioned in a way that hides them.
    """
    for name, parameter in module.named_parameters():
        for attribute, what in HIDDEN.items():
            if hasattr(parameter, attribute):
                raise ValueError(
                    f"parameter `{name}` must have its values and its shape for {reader}, found that it is "
                    f"{what}; train with ModelParallelStrategy or DDPStrategy"
                )
