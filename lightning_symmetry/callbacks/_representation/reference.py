"""Another model of the same architecture, or the model's earlier self, to compare representations with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...functional import (
    inner_product_correlation,
    mutual_nearest_neighbours,
    mutual_nearest_neighbours_chance,
    procrustes_similarity,
    random_projection,
    unbiased_linear_cka,
)
from ...metrics.order_parameters import PREFIX
from .call import Call

NEIGHBOURS = 10
"""Nearest neighbours that are compared, or a tenth of the samples if that is less."""


def weights_of(reference: nn.Module | Mapping[str, Any], module: nn.Module) -> dict[str, Tensor]:
    """Find the parameters of a reference that stand for those of the model.

    Args:
        reference: A module like the model, or like a part of it; or the state dict of one, or a checkpoint.
        module: The model.

    Returns:
        Parameters and buffers, named as in the model.

    Raises:
        ValueError: If it has not the parameters of the model, or of one of its parts.
    """
    state: Any = reference.state_dict() if isinstance(reference, nn.Module) else reference
    state = state.get("state_dict", state)
    state = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}
    names = [name for name, _ in module.named_modules()]
    for prefix in (f"{name}." if name else "" for name in names):
        own = {n: p for n, p in module.named_parameters() if n.startswith(prefix)}
        given = {f"{prefix}{name}": tensor for name, tensor in state.items()}
        if own and all(n in given and given[n].shape == p.shape for n, p in own.items()):
            known = {**own, **dict(module.named_buffers())}
            if prefix == "" or all(name in known for name in given):
                return {name: tensor for name, tensor in given.items() if isinstance(tensor, Tensor)}
    raise ValueError(
        f"`reference` must have the parameters of {type(module).__name__} or of one of its modules, in the "
        f"same shapes, found {', '.join(list(state)[:3]) or 'none'}"
    )


def features_of(calls: list[Call], width: int) -> dict[str, Tensor]:
    """Join what each layer represents.

    Args:
        calls: Of one run.
        width: Directions onto which wider features are projected.

    Returns:
        Tensor ``(n, features)`` by layer, without layers that read the data themselves.
    """
    joined: dict[str, list[Tensor]] = {}
    for call in calls:
        if not call.seen.reads_data:
            joined.setdefault(call.layer, []).append(random_projection(call.features, width))
    return {name: torch.cat(rows) for name, rows in joined.items()}


def agreement(mine: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Compare representations, layer by layer.

    Args:
        mine: Features by layer.
        theirs: Those of the reference, of the same samples.

    Returns:
        Scalars by key, of each layer and averaged over all.
    """
    each = {name: _of_layer(mine[name], theirs[name]) for name in mine if name in theirs}
    values = {f"{PREFIX}/{q}/{name}": value for name, found in each.items() for q, value in found.items()}
    quantities = next(iter(each.values()), {})
    return values | {
        f"{PREFIX}/{q}": torch.stack([found[q].double() for found in each.values()]).mean()
        for q in quantities
    }


def _of_layer(mine: Tensor, theirs: Tensor) -> dict[str, Tensor]:
    count = len(mine)
    values = {
        "cka": unbiased_linear_cka(mine, theirs),
        "procrustes": procrustes_similarity(mine, theirs),
        "inner_product_correlation": inner_product_correlation(mine, theirs),
    }
    if count > 2:
        neighbours = min(NEIGHBOURS, max(1, count // 10))
        chance = mutual_nearest_neighbours_chance(count, neighbours)
        values["mutual_neighbours"] = mutual_nearest_neighbours(mine, theirs, neighbours)
        values["mutual_neighbours_chance"] = mine.new_tensor(chance)
    return values
