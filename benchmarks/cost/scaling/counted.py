"""Counting what a process exchanges."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Counted(TorchDispatchMode):
    """Counts collective operations and the bytes that this process receives from others.

    Attributes:
        calls: Operations by name.
        bytes: Bytes by name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()
        self.bytes: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let sharded tensors say what they do, and look at that."""
        if any(hasattr(kind, "full_tensor") for kind in types):
            return NotImplemented
        result = func(*args, **(kwargs or {}))
        name = func.name().split("::")[-1]
        world = torch.distributed.get_world_size()
        if "all_gather_into_tensor" in name:
            self.calls["all_gather"] += 1
            self.bytes["all_gather"] += result.numel() * result.element_size() * (world - 1) // world
        elif name.startswith("allreduce_"):
            (tensor,) = args[0]
            self.calls["all_reduce"] += 1
            self.bytes["all_reduce"] += tensor.numel() * tensor.element_size()
        return result
