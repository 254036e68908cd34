"""Parameters whose shards are put together when they are read, one parameter at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor


class WholeValues(Mapping[str, Tensor]):
    """Tensors by name. One that is sharded is whole while it is read, and let go when another one is read.

    Vectors, such as gains and biases, are small beside matrices, and kept.

    All processes must read the same ones in the same order.

    Args:
        stored: Tensors by name, as they are stored.
        before: Called with the name before processes put a tensor together; all of them come by.

    Attributes:
        stored: The same; shapes, precisions and devices can be read off it without a word to the others.
    """

    def __init__(self, stored: Mapping[str, Tensor], before: Callable[[str], object] | None = None) -> None:
        self.stored = stored
        self._before = before
        self._whole: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor, whole and detached."""
        tensor = self.stored[name].detach()
        if not self.is_sharded(name):
            return tensor
        if name not in self._whole:
            if tensor.ndim > 1:
                self.let_go()
            # what does not fit into the memory fails here, before others wait for this process
            torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
            self.meet(name)
            self._whole[name] = self.whole(name)
        return self._whole[name]

    def __contains__(self, name: object) -> bool:
        """Whether there is a tensor of this name, without reading it."""
        return name in self.stored

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.stored)

    def __len__(self) -> int:
        """How many there are."""
        return len(self.stored)

    def let_go(self) -> None:
        """Keep nothing but vectors whole."""
        self._whole = {name: each for name, each in self._whole.items() if each.ndim <= 1}

    def meet(self, what: str) -> None:
        """Come by before processes exchange anything."""
        if self._before is not None:
            self._before(what)

    def whole(self, name: str) -> Tensor:
        """Put a tensor together."""
        whole: Tensor = self.stored[name].detach().full_tensor()  # type: ignore[attr-defined]  # of DTensor
        return whole

    def is_sharded(self, name: str) -> bool:
        """Whether reading a tensor takes all processes."""
        return is_sharded(self.stored[name])


def is_sharded(tensor: Tensor) -> bool:
    """Whether a tensor may lie in parts on several processes, as those of FSDP2 and tensor parallelism do.

    Args:
        tensor: Any.

    Returns:
        True for a ``DTensor``, be it replicated.
    """
    return hasattr(tensor, "full_tensor")


def whole_values(tensors: Mapping[str, Tensor]) -> WholeValues:
    """Read tensors whole.

    Args:
        tensors: By name.

    Returns:
        The same, or a view of them.
    """
    return tensors if isinstance(tensors, WholeValues) else WholeValues(tensors)
