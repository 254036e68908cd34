"""The tensors that stand in a trace for those of a model."""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Callable

import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode

from .error import TraceError
from .memory import storage


class Twins:
    """One twin for every tensor that a model owns, is given or brings along.

    Args:
        make: Makes the twin of a tensor.
    """

    def __init__(self, make: Callable[[Tensor], Tensor]) -> None:
        self._make = make
        self._twins: dict[int, Tensor] = {}
        # by their memory; this also keeps the identities from being used again
        self._originals: dict[int, list[Tensor]] = defaultdict(list)

    def of(self, tensor: Tensor) -> Tensor:
        """The twin of a tensor, always the same one.

        Args:
            tensor: Not a twin itself.

        Returns:
            The twin.

        Raises:
            TraceError: If the tensor cannot have one.
        """
        if id(tensor) not in self._twins:
            if tensor.is_nested:
                raise TraceError("nested tensors are not understood: pad them for the trace")
            self._originals[storage(tensor)].append(tensor)
            self._twins[id(tensor)] = self._make(tensor)
        return self._twins[id(tensor)]

    def relatives(self, tensor: Tensor) -> list[Tensor]:
        """The twins of other tensors in the same memory; twins share none."""
        others = self._originals.get(storage(tensor), [])
        return [self._twins[id(other)] for other in others if other is not tensor]


def fake(mode: FakeTensorMode, tensor: Tensor) -> Tensor:
    """A tensor of the same shape without numbers; a sharded one is seen as the whole."""
    if isinstance(tensor, FakeTensor):
        return tensor
    if _is_sharded(tensor):
        with mode:
            whole = torch.empty(tensor.shape, dtype=tensor.dtype, device=tensor.device)
        return whole.requires_grad_(tensor.requires_grad)
    if tensor.is_meta:
        with torch.no_grad():
            seen: Tensor = FakeTensor(mode, tensor.detach(), torch.device("cpu"))
        return seen.requires_grad_(tensor.requires_grad)
    with warnings.catch_warnings():
        # torch looks for the gradients of tensors that have none
        warnings.filterwarnings("ignore", "The .grad attribute of a Tensor")
        return mode.from_tensor(tensor)


def copied(tensor: Tensor) -> Tensor:
    """A tensor of the same numbers."""
    if not is_real(tensor):
        raise TraceError(f"numbers are needed, and a tensor of shape {tuple(tensor.shape)} has none here")
    return tensor.detach().clone().requires_grad_(tensor.requires_grad)


def is_real(tensor: Tensor) -> bool:
    """Whether all the numbers of a tensor are at hand."""
    return not (tensor.is_meta or isinstance(tensor, FakeTensor) or _is_sharded(tensor))


def _is_sharded(tensor: Tensor) -> bool:
    # what nobody has imported has made no tensor
    distributed = sys.modules.get("torch.distributed.tensor")
    return distributed is not None and isinstance(tensor, distributed.DTensor)
