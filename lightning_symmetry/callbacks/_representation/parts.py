"""Processes between which tensor parallelism splits the model, as Lightning's strategy does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..._compat import Trainer
from ...functional import random_projection

NAME = "tensor_parallel"
"""What Lightning's ``ModelParallelStrategy`` calls them."""

NEAR = 1e-3
"""Difference, as a share of all, at which processes have not computed the same."""

DIRECTIONS = 8
"""Along which means over samples are compared: parts may be alike along one by chance."""


class Parts:
    """The processes that share every batch with this one.

    Args:
        trainer: The Trainer, when it has set up its strategy.

    Attributes:
        count: How many there are; 1 without tensor parallelism.
        is_first: Whether this is the one whose samples count.
    """

    def __init__(self, trainer: Trainer) -> None:
        mesh: Any = getattr(trainer.strategy, "device_mesh", None)
        self._mesh = mesh[NAME] if mesh is not None and NAME in (mesh.mesh_dim_names or ()) else None
        self.count: int = 1 if self._mesh is None else self._mesh.size()
        self.is_first: bool = self._mesh is None or self._mesh.get_local_rank() == 0

    def unlike(self, samples: Mapping[str, Tensor]) -> list[str]:
        """Compare plain tensors, which these processes have in common unless each holds a part of one.

        Args:
            samples: By name, the same names in all of these processes.

        Returns:
            Names of those that differ.
        """
        if self.count == 1 or not samples:
            return []
        assert self._mesh is not None
        seen = torch.stack([_summary(each) for each in samples.values()])
        limits = torch.stack([seen, -seen])
        torch.distributed.all_reduce(limits, torch.distributed.ReduceOp.MAX, self._mesh.get_group())
        differ = (limits.sum(dim=0) > NEAR).any(dim=-1).tolist()
        return [name for name, unlike in zip(samples, differ, strict=True) if unlike]


def _summary(sample: Tensor) -> Tensor:
    mean = sample.double().mean(dim=0, keepdim=True)
    along = random_projection(mean / torch.linalg.vector_norm(mean), DIRECTIONS).flatten()
    # parts may have different widths, even narrower ones
    return torch.nn.functional.pad(along, (0, DIRECTIONS - len(along)))
