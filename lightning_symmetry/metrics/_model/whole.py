"""What the values of all symmetries say of the model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from .measured import Measured

Each = Mapping[str, Tensor]
"""A scalar by the name of a symmetry."""


def whole(each: Mapping[str, Each], permutations: Mapping[str, float]) -> dict[str, Measured]:
    """Sum up every quantity.

    Args:
        each: quantities of single symmetries.
        permutations: the permutations, with the logarithm of their order.

    Returns:
        The same with the values of the model.
    """
    return {name: Measured(dict(of), _total(name, of, permutations)) for name, of in each.items()}


def _total(name: str, each: Each, permutations: Mapping[str, float]) -> Tensor | None:
    if name in {"breaking_distance", "unbroken"}:
        each = {symmetry: value for symmetry, value in each.items() if symmetry in permutations}
    if not each:
        return None
    values = torch.stack(list(each.values()))
    if name == "unbroken":
        orders = values.new_tensor([permutations[symmetry] for symmetry in each])
        return (values * orders).sum() / (math.fsum(permutations[s] for s in each) or 1.0)
    return TOTALS.get(name, torch.mean)(values)


TOTALS: dict[str, Callable[[Tensor], Tensor]] = {
    "breaking_distance": torch.linalg.vector_norm,
    "dead_units": torch.sum,
    "duplicate_units": torch.sum,
    "distinct_units": torch.sum,
}
"""Where the value of the model is not the mean of all symmetries."""
