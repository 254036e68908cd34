"""The lengths of sharded tensors, from those of their shards."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor


def sharded_lengths(
    tensors: Sequence[Any], length: Callable[[Tensor], Tensor], meet: Callable[[str], object]
) -> list[Tensor]:
    """Measure sharded tensors without putting them together: one number of each is added up.

    Args:
        tensors: Of the class ``DTensor``; all processes of their meshes must ask for the same ones.
        length: Measures a shard.
        meet: Called before processes exchange anything.

    Returns:
        Scalars, the same in all processes.
    """
    if not tensors:
        return []
    if any(placement.is_partial() for tensor in tensors for placement in tensor.placements):
        meet("summands of shards")
        tensors = [_summed(tensor) for tensor in tensors]
    alike: dict[Any, list[int]] = defaultdict(list)
    squares: list[Tensor] = []
    for place, tensor in enumerate(tensors):
        local = tensor.to_local()
        # a shard may be empty where the length does not divide
        norm = length(local) if local.numel() else torch.zeros((), device=local.device)
        squares.append(norm.double().square())
        split = tuple(dim for dim, placement in enumerate(tensor.placements) if placement.is_shard())
        alike[tensor.device_mesh, split].append(place)
    meet("lengths of shards")
    for (mesh, split), places in alike.items():
        joint = torch.stack([squares[place] for place in places])
        for dim in split:
            torch.distributed.all_reduce(joint, group=mesh.get_group(dim))
        for place, square in zip(places, joint, strict=True):
            squares[place] = square
    return [
        square.sqrt().to(torch.promote_types(tensor.dtype, torch.float32))
        for square, tensor in zip(squares, tensors, strict=True)
    ]


def _summed(tensor: Any) -> Any:
    """Add up what processes hold different summands of."""
    from torch.distributed.tensor import Replicate

    placements = [Replicate() if each.is_partial() else each for each in tensor.placements]
    return tensor.redistribute(placements=placements)
