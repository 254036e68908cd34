"""Hooks around the update of an optimizer, and only there."""

from collections.abc import Callable
from typing import Any, cast

from torch.optim import Optimizer


class UpdateHooks:
    """Calls functions right before an optimizer updates its parameters, and after it.

    A closure computes the gradients, which must be those of the model as it is, and may be called several
    times between moves of the parameters: it runs outside of the two calls.

    Args:
        optimizer: Any torch optimizer.
        begin: Called before each update.
        end: Called after it, and before the next one, since an update that raises does not get there: doing
            nothing when there is nothing to end.
    """

    def __init__(self, optimizer: Optimizer, begin: Callable[[], None], end: Callable[[], None]) -> None:
        self._optimizer, self._begin, self._end = optimizer, begin, end
        self._handles = (
            optimizer.register_step_pre_hook(cast(Any, self._before_step)),
            optimizer.register_step_post_hook(self._after_step),
        )

    def come_first(self) -> None:
        """Begin before what other hooks do before a step."""
        hooks: Any = self._optimizer._optimizer_step_pre_hooks
        hooks.move_to_end(self._handles[0].id, last=False)

    def remove(self) -> None:
        """End what has begun, and detach from the optimizer; a second call does nothing."""
        self._end()
        for handle in self._handles:
            handle.remove()

    def _before_step(
        self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        self._end()
        # `args` begins with the optimizer itself.
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if closure is None:
            self._begin()
            return None

        def closure_outside() -> Any:
            self._end()
            loss = closure()
            self._begin()
            return loss

        if "closure" in kwargs:
            return args, {**kwargs, "closure": closure_outside}
        return (args[0], closure_outside, *args[2:]), kwargs

    def _after_step(self, optimizer: Optimizer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._end()
