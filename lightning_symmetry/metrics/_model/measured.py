"""What every family of quantities gives, and how equal shapes are measured in one call."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor


class Measured(NamedTuple):
    """One quantity.

    Attributes:
        each: a scalar by the name of a symmetry.
        total: the scalar of the whole model, None if no symmetry has the quantity.
    """

    each: dict[str, Tensor]
    total: Tensor | None


def total(each: Mapping[str, Tensor], function: Callable[[Tensor], Tensor]) -> Measured:
    """Let a function of all values be that of the model."""
    return Measured(dict(each), function(torch.stack(list(each.values()))) if each else None)


def batched(function: Callable[..., Tensor], inputs: Mapping[str, Sequence[Tensor]]) -> dict[str, Tensor]:
    """Call a function once for all entries whose tensors have the same shapes.

    Args:
        function: takes tensors with one more dimension in front, which its result keeps.
        inputs: tensors by name.

    Returns:
        Results by name.
    """
    alike: dict[object, list[str]] = defaultdict(list)
    for name, tensors in inputs.items():
        alike[tuple((t.shape, t.dtype, t.device) for t in tensors)].append(name)
    values: dict[str, Tensor] = {}
    for names in alike.values():
        columns = zip(*(inputs[name] for name in names), strict=True)
        stacked = [torch.stack(column) if len(column) > 1 else column[0].unsqueeze(0) for column in columns]
        values |= dict(zip(names, function(*stacked).unbind(0), strict=True))
    return {name: values[name] for name in inputs}
