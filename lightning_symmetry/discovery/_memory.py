"""Which tensors lie in the same memory, and which of them an operation writes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from ._calls import bound


def storage(tensor: Tensor) -> int:
    """A number that tensors in the same memory share."""
    identity: int = tensor.untyped_storage()._cdata
    return identity


def written(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes to."""
    places = [
        a.name for a in operation._schema.arguments if a.alias_info is not None and a.alias_info.is_write
    ]
    given = bound(operation, args, kwargs) if places else {}
    return [leaf for name in places for leaf in tree_leaves(given[name]) if isinstance(leaf, Tensor)]


def overlapping(state: Mapping[str, Tensor]) -> list[str]:
    """Names of tensors that lie in the same memory."""
    spans = []
    for name, tensor in state.items():
        if tensor.numel() and tensor.layout is torch.strided:
            start = tensor.storage_offset()
            last = start + sum((n - 1) * s for n, s in zip(tensor.shape, tensor.stride(), strict=True))
            spans.append((storage(tensor), start, last, name))
    spans.sort()
    found: dict[str, None] = {}
    for i, (memory, _, last, name) in enumerate(spans):
        for other, start, _, next_name in spans[i + 1 :]:
            if other != memory or start > last:
                break
            found |= {name: None, next_name: None}
    return list(found)
