"""Which layers of a model to look at."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

LINEAR = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
"""Layers that have weights to align with: :math:`h_b = W h_a`, of patches for convolutions."""

MOST = 16
"""Layers that are looked at by default."""


def layers_of(module: nn.Module, patterns: Sequence[str] | None) -> dict[str, nn.Module]:
    """Choose layers by name, or all linear layers and convolutions; of many, some evenly spread over depth.

    Args:
        module: The model.
        patterns: Names or patterns of names, as in ``module.named_modules()``; None for the default.

    Returns:
        Modules by name, in the order in which they were registered.

    Raises:
        ValueError: If a pattern matches nothing, or the model has no linear layer.
    """
    named = {_plain(name): part for name, part in module.named_modules() if name}
    if patterns is None:
        return _spread(_called(named), type(module).__name__)
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in named):
            raise ValueError(
                f"`layers` must match the name of a module of {type(module).__name__}, found {pattern!r}"
            )
    return {
        name: part for name, part in named.items() if any(fnmatchcase(name, pattern) for pattern in patterns)
    }


def _called(named: dict[str, nn.Module]) -> dict[str, nn.Module]:
    """Linear layers, without those whose weights attention reads past their forward pass."""
    unused = {
        part for each in named.values() if isinstance(each, nn.MultiheadAttention) for part in each.children()
    }
    return {name: part for name, part in named.items() if isinstance(part, LINEAR) and part not in unused}


def _spread(layers: dict[str, nn.Module], owner: str) -> dict[str, nn.Module]:
    if not layers:
        raise ValueError(
            f"`layers` must name modules of {owner}, which has no linear layer or convolution, found None"
        )
    names, last = list(layers), len(layers) - 1
    if len(names) > MOST:
        names = [names[round(index * last / (MOST - 1))] for index in range(MOST)]
    return {name: layers[name] for name in names}


def _plain(name: str) -> str:
    return ".".join(part for part in name.split(".") if part != "_orig_mod")
