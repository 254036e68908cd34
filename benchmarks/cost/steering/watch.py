"""Count the bytes that operations make, keep and move, exactly: no allocator's pools, no caches."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Watch(TorchDispatchMode):
    """Watches operations while it is entered. What they need inside of themselves is not seen.

    Attributes:
        alive: Bytes of tensors that were made while it watched and are there.
        most: Largest value of ``alive`` since the last :meth:`reset`.
        moved: Bytes that operations have read and written since then; a view moves nothing.

    Example:
        >>> with Watch() as watch:
        ...     sums = torch.ones(10) + torch.ones(10)
        >>> watch.alive, watch.most, watch.moved
        (40, 120, 200)
    """

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self.alive = self.most = self.moved = 0

    def reset(self) -> None:
        """Begin to count anew; what is alive stays counted."""
        self.most, self.moved = self.alive, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        made = _tensors(result)
        if not func.is_view:
            # An operation on lists writes into its arguments and returns nothing.
            silent = [
                given
                for argument, given in zip(func._schema.arguments, args, strict=False)
                if argument.alias_info is not None and argument.alias_info.is_write and not made
            ]
            touched = [*_tensors((args, kwargs)), *made, *_tensors(silent)]
            self.moved += sum(tensor.numel() * tensor.element_size() for tensor in touched)
        for tensor in made:
            self._meet(tensor.untyped_storage())
        return result

    def _meet(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self.alive += self._sizes[key]
            self.most = max(self.most, self.alive)
            weakref.finalize(storage, self._forget, key).atexit = False

    def _forget(self, key: int) -> None:
        self.alive -= self._sizes.pop(key)


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]
