"""Hooks that see what layers read and write, for as long as one batch takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from ..._torch_compat import in_backward
from ...metrics._model.whole_values import is_sharded
from .batch import Batch
from .call import Call, Seen, call_of
from .classes import ClassSamples
from .samples import Sampler
from .split import has_all_rows, is_even


class Watch:
    """Remembers the calls of some layers until it is closed.

    A hook never raises, draws no random number, and adds nothing to the graph.

    Args:
        layers: Modules by name.
        batch: What they are called for.
        sampler: Chooses samples.
        seen: Called with this object, each call and its output.

    Attributes:
        classified: What the last layer read whose outputs may be those of the labels' classes.
    """

    def __init__(
        self,
        layers: Mapping[str, nn.Module],
        batch: Batch,
        sampler: Sampler,
        seen: Callable[[Watch, Call, Tensor], None],
    ) -> None:
        self.classified: ClassSamples | None = None
        self._calls: list[Call] = []
        self._errors: list[Exception] = []
        self._names = {module: name for name, module in layers.items()}
        self._batch, self._sampler, self._seen = batch, sampler, seen
        self._watching = ExitStack()
        for layer in layers.values():
            # the hooks of tensor parallelism hand on what a process has of an output as if it were all
            first = any(map(is_sharded, layer.parameters()))
            hook = layer.register_forward_hook(self._saw, with_kwargs=True, prepend=first)
            self.until_closed(hook.remove)

    def until_closed(self, undo: Callable[[], None]) -> None:
        """Do something when it is closed.

        Args:
            undo: What to do.
        """
        self._watching.callback(undo)

    def taken(self) -> list[Call]:
        """Return the calls since the last time, and forget them.

        Raises:
            Exception: What a hook would have raised.
        """
        if self._errors:
            raise self._errors[0]
        calls, self._calls = self._calls, []
        return calls

    def close(self) -> None:
        """Remove all hooks."""
        self._watching.close()
        self._calls.clear()

    def _saw(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        if torch.compiler.is_compiling():
            return
        try:
            written = next(_real_tensors(output), None)
            if written is not None and written.ndim:
                self._keep(module, next(_real_tensors((args, kwargs)), None), written)
        except Exception as error:
            self._errors.append(error)

    def _keep(self, module: nn.Module, read: Tensor | None, written: Tensor) -> None:
        self._check_readable(module, read, written)
        call = call_of(
            self._names[module],
            module,
            read,
            written,
            self._sampler,
            Seen(
                reads_data=read is not None and self._batch.holds(read),
                learns=written.requires_grad,
                again=in_backward(),
            ),
        )
        self._calls.append(call)
        self._seen(self, call, written)
        if isinstance(module, nn.Linear) and read is not None:
            found = ClassSamples.of(self._names[module], read, written, self._batch, self._sampler)
            self.classified = found if found is not None and not call.seen.again else self.classified

    def _check_readable(self, module: nn.Module, read: Tensor | None, written: Tensor) -> None:
        for tensor in (read, written):
            if tensor is None or not is_sharded(tensor):
                continue
            if not self._sampler.takes_rows(module, written):
                rule = "have features in their last dimension where tensor parallelism splits them"
            elif not is_even(tensor):
                rule = "see as many tokens in each process"
            elif self._batch.mask is not None and not has_all_rows(tensor):
                rule = "see all tokens where some are padding"
            else:
                continue
            raise ValueError(f"`layers` must {rule}, found {self._names[module]!r}: give the names of others")


def listen(watch: Watch, call: Call, output: Tensor) -> None:
    """Take the gradient of the output from the backward pass that is to come.

    Args:
        watch: Removes the hook in the end.
        call: Takes it.
        output: The tensor itself.
    """
    if call.align is not None:
        handle = output.register_hook(call.take)  # type: ignore[no-untyped-call]
        watch.until_closed(handle.remove)


def _real_tensors(values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor) and leaf.is_floating_point())
