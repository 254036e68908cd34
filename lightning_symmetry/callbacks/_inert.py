"""Stand-ins for objects that must not act while a training step is only looked at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch.optim import Optimizer


class Inert:
    """Whatever is done with it, nothing happens: an experiment logger, a scheduler."""

    def __getattr__(self, name: str) -> Inert:
        if name.startswith("__"):
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Inert:
        return self

    def __getitem__(self, key: Any) -> Inert:
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __enter__(self) -> Inert:
        return self

    def __exit__(self, *error: object) -> None:
        return None


class InertOptimizer(Inert):
    """An optimizer that calls its closure, but updates nothing.

    Args:
        optimizer: Has the parameter groups, which may be read, and written to without effect.
    """

    def __init__(self, optimizer: Optimizer) -> None:
        self.param_groups = [dict(group) for group in optimizer.param_groups]

    def step(self, closure: Callable[[], Any] | None = None, **kwargs: Any) -> Any:
        """Run the closure, in which the loss is computed.

        Args:
            closure: Computes the loss.
            **kwargs: What the optimizer would take.

        Returns:
            What the closure returns.
        """
        return None if closure is None else closure()
