"""What of a removal is done by the optimizer, and what by the layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...surgery import Syre, WeightAsymmetry
from ...surgery._choice import Choice, Filter
from ...surgery._factors import Factors
from ...surgery._plain_name import plain_name
from ...surgery.remove_symmetry import Removal

Offsets = dict[Tensor, tuple[str, Syre]]
"""Name and config by parameter."""


def entries(config: Removal | Mapping[str, Removal | None]) -> list[Removal]:
    """List the configs.

    Args:
        config: One, or a mapping from patterns.

    Returns:
        All but None.

    Raises:
        TypeError: If there is something else.
    """
    listed = list(config.values()) if isinstance(config, Mapping) else [config]
    found = [entry for entry in listed if entry is not None]
    for entry in found or listed:
        if not isinstance(entry, Removal):
            raise TypeError(
                "`config` must be a Syre, WeightAsymmetry, ActivationAsymmetry or AttentionBias, or a "
                f"mapping of patterns to these, found {entry!r}"
            )
    return found


def offsets(
    model: nn.Module, config: Removal | Mapping[str, Removal | None], filter: Filter | None
) -> Offsets:
    """Choose the parameters that get an offset in the optimizer.

    Factors of an added symmetry get none, which would favour nothing; the parameters that they replace do,
    once they are back.

    Args:
        model: A model.
        config: What to do, with the rules of :func:`~lightning_symmetry.remove_symmetry`.
        filter: As there.

    Returns:
        Name and config of each.

    Raises:
        ValueError: If a pattern decides nothing. Where there is more than offsets, ``remove_symmetry``
            refuses such patterns.
    """
    choice = Choice(config, filter)
    found: Offsets = {}
    for parameter, names in _parameters(model).items():
        kinds = (Syre, WeightAsymmetry) if parameter.ndim > 1 else (Syre,)
        own = choice.of([plain_name(name) for name in names], parameter, kinds)
        if isinstance(own, Syre):
            found[parameter] = (names[0], own)
    if isinstance(config, Mapping) and all(isinstance(entry, Syre) for entry in entries(config)):
        choice.check()
    return found


def for_layers(
    model: nn.Module, config: Removal | Mapping[str, Removal | None], filter: Filter | None
) -> Filter | None:
    """Leave out the parameters that get an offset in the optimizer.

    Args:
        model: A plain model.
        config: What to do.
        filter: What the user keeps.

    Returns:
        A filter for :func:`~lightning_symmetry.remove_symmetry`.
    """
    if not any(isinstance(entry, Syre) for entry in entries(config)):
        return filter
    left_out = {id(parameter) for parameter in offsets(model, config, filter)}
    choice = Choice(config, filter)

    def keeps(name: str, part: Any) -> bool:
        return id(part) not in left_out and choice._passes([name], part)

    return keeps


def _parameters(model: nn.Module) -> dict[Tensor, list[str]]:
    """Every parameter of the plain model with its names."""
    found: dict[Tensor, list[str]] = {}
    for prefix, module in model.named_modules(remove_duplicate=False):
        own: list[tuple[str, Tensor | None]] = list(module._parameters.items())
        if isinstance(module, Factors):
            own = [("", module._original[0])]
            prefix = prefix.removesuffix(f"_{module.suffix}")
        for name, parameter in own:
            if parameter is not None:
                found.setdefault(parameter, []).append(".".join(filter(None, (prefix, name))))
    return found
