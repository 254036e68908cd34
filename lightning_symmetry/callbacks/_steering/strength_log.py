"""The strength of steering among the logged values."""

from __future__ import annotations

from ..._compat import LightningModule


class StrengthLog:
    """Logs a number when it changes.

    Until the end of an epoch Lightning repeats what was logged last.

    Args:
        key: Key of the number.
    """

    def __init__(self, key: str) -> None:
        self._key = key
        self._value: float | None = None

    def begin(self) -> None:
        """Log the next number in any case, at the start of an epoch or of a fit."""
        self._value = None

    def log(self, pl_module: LightningModule, value: float) -> None:
        """Log a number if it is news.

        Args:
            pl_module: The model.
            value: The number.
        """
        if value != self._value:
            self._value = value
            pl_module.log(self._key, value, on_step=True, on_epoch=False, batch_size=1)
