"""The state of an optimizer of factors as that of one of the plain parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


def plain_optimizer(
    state: Mapping[str, Any], optimizer: Optimizer, originals: Mapping[Tensor, Tensor]
) -> dict[str, Any]:
    """Take the factors out of an optimizer's ``state_dict``.

    Args:
        state: What it returned.
        optimizer: The optimizer.
        originals: The parameter that each factor is one of.

    Returns:
        A state for the plain parameters, of which those that have factors are as before their first step.
    """
    slots: dict[int, Any] = {}
    groups = []
    count = 0
    for saved, group in zip(state["param_groups"], optimizer.param_groups, strict=True):
        first = count
        kept = _firsts(group["params"], originals)
        for place in kept:
            number = saved["params"][place]
            if group["params"][place] not in originals and number in state["state"]:
                slots[count] = state["state"][number]
            count += 1
        groups.append({**saved, "params": list(range(first, count))})
        if "param_names" in saved:
            groups[-1]["param_names"] = [
                saved["param_names"][place].rpartition("_factors.")[0] or saved["param_names"][place]
                for place in kept
            ]
    return {**state, "state": slots, "param_groups": groups}


def _firsts(parameters: Sequence[Tensor], originals: Mapping[Tensor, Tensor]) -> list[int]:
    """Places of the plain parameters, and of the first factor of each of the others."""
    met: set[Tensor] = set()
    places = []
    for place, parameter in enumerate(parameters):
        original = originals.get(parameter, parameter)
        if original not in met:
            met.add(original)
            places.append(place)
    return places
