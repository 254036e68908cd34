"""Which tensors lie in the same memory, and which of them an operation writes to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.utils._pytree import tree_leaves

from .._program.calls import bound

_SPARSE = (torch.sparse_coo, torch.sparse_csr, torch.sparse_csc, torch.sparse_bsr, torch.sparse_bsc)


def storage(tensor: Tensor) -> int:
    """A number that tensors in the same memory share."""
    if tensor.layout in _SPARSE:
        return id(tensor)
    # a trace watches who gets hold of memory: this is the trace itself
    with torch._C.DisableTorchFunction():
        memory = tensor.untyped_storage()
        # other libraries hand memory back as another storage
        plain = type(tensor) in (Tensor, Parameter) and not tensor.is_meta
        place: int = memory.data_ptr() if plain else 0
        return place or memory._cdata


def congruent(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors in the same memory are made of the same entries."""
    return (
        one.layout is other.layout is torch.strided
        and one.dtype == other.dtype
        and one.shape == other.shape
        and one.stride() == other.stride()
        and one.storage_offset() == other.storage_offset()
        and one.is_conj() == other.is_conj()
        and one.is_neg() == other.is_neg()
    )


def hollow(tensor: Tensor) -> bool:
    """Whether a plain tensor has entries but no memory: another library has handed back a fake one."""
    return (
        type(tensor) is Tensor
        and tensor.layout is torch.strided
        and not (tensor.is_meta or tensor.numel() == 0 or tensor.data_ptr())
    )


def written(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[Tensor]:
    """The tensors that an operation writes to."""
    places = [
        a.name for a in operation._schema.arguments if a.alias_info is not None and a.alias_info.is_write
    ]
    given = bound(operation, args, kwargs) if places else {}
    return [leaf for name in places for leaf in tree_leaves(given[name]) if isinstance(leaf, Tensor)]


def overlap(one: Tensor, other: Tensor) -> bool:
    """Whether two tensors in the same memory have an entry in common, as far as strides can tell."""
    if one.layout is not torch.strided or other.layout is not torch.strided or one.dtype != other.dtype:
        return True
    if not one.numel() or not other.numel():
        return False
    # x steps from one's first entry and y back from other's last: do they ever meet?
    distance = int(other.storage_offset() - one.storage_offset())
    most: dict[int, int] = defaultdict(int)
    for tensor in (one, other):
        for size, step in zip(tensor.shape, tensor.stride(), strict=True):
            most[step] += size - 1
            distance += (size - 1) * step if tensor is other else 0
    return _reaches(distance, sorted(most.items(), reverse=True))


def _reaches(distance: int, steps: list[tuple[int, int]]) -> bool:
    """Whether steps of some lengths, each taken up to so many times, add up to a distance."""
    if not steps or not steps[0][0]:
        return distance == 0
    (step, most), *rest = steps
    reach = sum(length * times for length, times in rest)
    least = max(0, -((reach - distance) // step))
    return any(_reaches(distance - n * step, rest) for n in range(least, min(most, distance // step) + 1))


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
