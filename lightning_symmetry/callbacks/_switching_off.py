"""What every callback does that must not stop a run when it fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._compat import Callback, LightningModule, Trainer, rank_zero_warn


class SwitchingOff(Callback):
    """Warns once with the cause and is off for the rest of the fit.

    Args:
        strict: Raise where the callback would warn and switch itself off.
    """

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self._is_off = False

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start afresh: what is off stays off for one fit only.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        self._is_off = False

    def attempt(self, act: Callable[..., None], *args: Any) -> None:
        """Call a function unless this callback is off; if it fails, so be it.

        Args:
            act: What to do.
            *args: What it takes.
        """
        if self._is_off:
            return
        try:
            act(*args)
        except Exception as error:
            self.fail(error)

    def fail(self, error: Exception) -> None:
        """Switch off until the next fit, and say why.

        Args:
            error: The cause.

        Raises:
            Exception: The cause itself, if the callback is strict.
        """
        self._is_off = True
        if self.strict:
            raise error
        name = type(self).__name__
        rank_zero_warn(f"{name} switches itself off, training goes on: {type(error).__name__}: {error}")
