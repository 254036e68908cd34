"""Where a run is in its schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._compat import LightningModule, Trainer
from ..schedule import Schedule
from .switch import Switch, Switching
from .watch import Watch


class Progress:
    """Follows a schedule in a Trainer.

    Args:
        schedule: What to follow.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._switch = Switch(schedule)
        self._watch = Watch(schedule)
        self._decided = -1

    @property
    def history(self) -> tuple[Switching, ...]:
        """What happened."""
        return self._switch.history

    def check(self, trainer: Trainer) -> None:
        """Refuse to wait for what cannot happen.

        Args:
            trainer: The Trainer.
        """
        self._watch.check(trainer)

    def advance(self, trainer: Trainer, pl_module: LightningModule) -> bool:
        """Switch if it is time, unless the last batch was only one part of a step.

        Args:
            trainer: The Trainer.
            pl_module: The model.

        Returns:
            Whether to steer from now on.
        """
        step = trainer.global_step
        if step != self._decided:
            self._decided = step
            cause = self._watch.cause(trainer, pl_module, self._switch.awaited, step)
            if self._switch.update(step, cause):
                self._watch.begin(trainer, step)
        return self._switch.is_active(step)

    def strength(self, trainer: Trainer) -> float:
        """Return how strongly to steer in the next optimizer step, from 0 to 1.

        Args:
            trainer: The Trainer.

        Returns:
            A number.
        """
        return self._switch.strength(trainer.global_step)

    def warn(self, trainer: Trainer) -> None:
        """Name what was waited for in vain.

        Args:
            trainer: The Trainer.
        """
        self._watch.warn(trainer, self._switch.awaited)

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        return {"decided": self._decided, **self._switch.state_dict()}

    def saved(self, trainer: Trainer) -> dict[str, Any]:
        """Return what a resumed Trainer does not know of the events that are waited for.

        Args:
            trainer: The Trainer.

        Returns:
            Plain numbers, strings and lists.
        """
        return self._watch.state_dict(trainer)

    def load_state_dict(self, state: Mapping[str, Any], saved: Mapping[str, Any] | None) -> None:
        """Go on where another one was.

        Args:
            state: What its :meth:`state_dict` returned.
            saved: What its :meth:`saved` returned.
        """
        self._decided = state["decided"]
        self._switch.load_state_dict(state)
        if saved is not None:
            self._watch.load_state_dict(saved)
