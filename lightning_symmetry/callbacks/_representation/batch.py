"""What a batch says beside its inputs: classes, padding, size."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import is_traceable_wrapper_subclass
from torch.utils._pytree import tree_leaves

LABELS = ("labels", "label", "targets", "target", "y")
"""Where a batch that is a mapping keeps its classes."""

MASK = "attention_mask"
"""Where a batch that is a mapping says which tokens are no padding."""


class Batch:
    """A batch as ``training_step`` gets it.

    Args:
        batch: Anything.

    Attributes:
        labels: Integer classes, if it has some.
        mask: True for tokens that are no padding, bool tensor ``(batch, tokens)``, if it says so.
        size: Length of its first tensor; 1 without one.
    """

    def __init__(self, batch: Any) -> None:
        tensors = [leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)]
        self.size = next((len(tensor) for tensor in tensors if tensor.ndim), 1)
        self.labels, self.mask = _labels(batch), _mask(batch)
        self._places = {_place(tensor) for tensor in tensors}
        if self.labels is not None and _are_tokens(self.labels, tensors):
            self.labels = None

    @cached_property
    def largest_label(self) -> int:
        """The number of the last class among the labels, asked of the device once for all layers."""
        return int(self.labels.max()) if self.labels is not None and self.labels.numel() else -1

    def holds(self, tensor: Tensor) -> bool:
        """Whether a tensor is one of the batch, or a view of it.

        Args:
            tensor: Any.

        Returns:
            False for what was computed.
        """
        return _place(tensor) in self._places


def _labels(batch: Any) -> Tensor | None:
    found = None
    if isinstance(batch, Mapping):
        found = next((batch[key] for key in LABELS if key in batch), None)
    elif isinstance(batch, (tuple, list)) and len(batch) == 2:
        found = batch[1]
    return found if isinstance(found, Tensor) and _is_integer(found) and found.ndim else None


def _mask(batch: Any) -> Tensor | None:
    found = batch.get(MASK) if isinstance(batch, Mapping) else None
    return found != 0 if isinstance(found, Tensor) and found.ndim == 2 else None


def _are_tokens(labels: Tensor, tensors: list[Tensor]) -> bool:
    """Whether the labels are the inputs: what a language model is to say next, one place further on."""
    others = [t for t in tensors if t is not labels and t.shape == labels.shape and _is_integer(t)]
    return labels.ndim > 1 and any(bool(((t == labels) | (labels < 0)).all()) for t in others)


def _is_integer(tensor: Tensor) -> bool:
    return not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype.itemsize == 0) and (
        str(tensor.dtype) != "torch.bool"
    )


def _place(tensor: Tensor) -> int:
    # what is split, or still under way from another process, has no storage of its own
    while is_traceable_wrapper_subclass(tensor):
        (name, *_), _ = tensor.__tensor_flatten__()
        tensor = getattr(tensor, name)
    return tensor.untyped_storage().data_ptr()
