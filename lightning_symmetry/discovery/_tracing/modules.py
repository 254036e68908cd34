"""Which module of a model is running."""

from __future__ import annotations

from contextlib import ExitStack
from types import TracebackType
from typing import Any

from torch import nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook


class RunningModules:
    """Within this context, keeps the names of the modules whose forward is running, the innermost last.

    The hooks are global, so that the modules themselves stay as they are, and gone when the context ends.

    Args:
        model: Gives the modules their dotted names.
    """

    def __init__(self, model: nn.Module) -> None:
        self._names = {id(module): name for name, module in model.named_modules()}
        self._running: list[str] = []
        self._hooks = ExitStack()

    @property
    def innermost(self) -> str:
        """The dotted name of the innermost module; empty for the model itself, and outside of it."""
        return self._running[-1] if self._running else ""

    def __enter__(self) -> RunningModules:
        self._hooks.callback(register_module_forward_pre_hook(self._enter).remove)
        # a model may catch what one of its modules raises, and go on
        self._hooks.callback(register_module_forward_hook(self._leave, always_call=True).remove)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hooks.close()
        self._running.clear()

    def _enter(self, module: nn.Module, args: Any) -> None:
        if id(module) in self._names:
            self._running.append(self._names[id(module)])

    def _leave(self, module: nn.Module, args: Any, output: Any) -> None:
        # a hook in front may have kept a module from being entered
        if self._running and self._running[-1] == self._names.get(id(module)):
            self._running.pop()
