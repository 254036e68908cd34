"""The calls that a training step makes to the modules of a model."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import torch
from torch import nn

from ._compiled import is_compiled

Call = tuple[nn.Module, tuple[Any, ...], dict[str, Any]]


class Calls:
    """Remembers which modules are called from outside of all others, and with what, until it is closed.

    Compiled modules are watched from outside, so that nothing is compiled anew. The inputs are kept by
    reference: they take no memory that the step itself does not need for its gradients.

    Args:
        module: The model whose modules are watched.

    Attributes:
        made: Module, positional and keyword inputs of each call.
    """

    def __init__(self, module: nn.Module) -> None:
        self.made: list[Call] = []
        self._model = module
        self._running: list[nn.Module] = []
        self._watching = ExitStack()
        if getattr(module, "_compiler_ctx", None) is None:  # else the whole step is compiled
            self._watch(module)

    def close(self) -> None:
        """Leave the modules as they were, and forget the calls."""
        self._watching.close()
        self.made.clear()

    def _watch(self, module: nn.Module) -> None:
        compiled = module._compiled_call_impl
        if compiled is not None:
            module._compiled_call_impl = self._seen_from_outside(module, compiled)
            self._watching.callback(setattr, module, "_compiled_call_impl", compiled)
            return
        before = module.register_forward_pre_hook(self._enter, prepend=True, with_kwargs=True)
        after = module.register_forward_hook(self._leave, always_call=True)
        self._watching.callback(before.remove)
        self._watching.callback(after.remove)
        if not is_compiled(module):
            for child in module.children():
                self._watch(child)

    def _seen_from_outside(self, module: nn.Module, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **kwargs: Any) -> Any:
            self._enter(module, args, kwargs)
            try:
                return call(*args, **kwargs)
            finally:
                self._leave(module)

        return called

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if torch.compiler.is_compiling() or self._is_detour(module):
            return
        if not self._running:
            self.made.append((module, args, kwargs))
        self._running.append(module)

    def _leave(self, module: nn.Module, *seen: Any) -> None:
        if not torch.compiler.is_compiling() and self._running and self._running[-1] is module:
            self._running.pop()

    def _is_detour(self, module: nn.Module) -> bool:
        """Whether this calls no forward: a strategy sends the training step this way to its wrapper."""
        return module is self._model and getattr(module.forward, "__func__", None) is not type(module).forward
