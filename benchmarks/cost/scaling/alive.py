"""Counting the memory that operations take."""

from __future__ import annotations

from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode


class Alive(TorchDispatchMode):
    """Adds up the bytes of all tensors that operations have made and that are still there.

    Attributes:
        peak: The most bytes at one time.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[StorageWeakRef, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Let sharded tensors say what they do, and look at that."""
        if any(hasattr(kind, "full_tensor") for kind in types):
            return NotImplemented
        known = {each.untyped_storage()._cdata for each in args if isinstance(each, torch.Tensor)}
        result = func(*args, **(kwargs or {}))
        for each in result if isinstance(result, (tuple, list)) else (result,):
            # a class that wraps another tensor has no memory of its own
            if type(each) is torch.Tensor and each.untyped_storage()._cdata not in known:
                storage = each.untyped_storage()
                self._made[StorageWeakRef(storage)] = storage.nbytes()
        self._made = {ref: size for ref, size in self._made.items() if not ref.expired()}
        self.peak = max(self.peak, sum(self._made.values()))
        return result
