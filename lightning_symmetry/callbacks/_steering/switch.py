"""Whether steering is on, and how strongly, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._plain_form import between, each, flag, integer, one_of, record, row, text
from ..event import Event
from ..schedule import Schedule

Switching = tuple[int, str, str]
"""A step, ``"on"`` or ``"off"``, and the cause."""

KEPT = 1000
"""Switchings that are remembered."""

FORM = record(
    {"decided": integer(-1), "is_on": flag, "since": integer(0), "strength_then": between(0, 1)}
    | {"history": each(row(integer(0), one_of("on", "off"), text))}
)
"""What the state of a switch may be, and of the progress that it makes in a run."""


class Switch:
    """Follows a schedule; knows nothing of models and Trainers.

    Args:
        schedule: What to follow.

    Attributes:
        is_on: Whether it went on and not off since.
        history: What happened, the last :data:`KEPT` times.

    Example:
        >>> switch = Switch(Schedule(on=2, off=4, ramp=2))
        >>> [(switch.update(step, None), switch.strength(step))[1] for step in range(10)]
        [0.0, 0.0, 0.0, 0.5, 1.0, 1.0, 1.0, 0.5, 0.0, 0.0]
        >>> switch.history
        ((2, 'on', 'on=2'), (6, 'off', 'off=4'))
    """

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._since = 0
        self._strength_then = 0.0
        self.is_on = False
        self.history: tuple[Switching, ...] = ()

    @property
    def awaited(self) -> Event | None:
        """The event that switches next, if it is one."""
        condition = self._condition
        return condition if isinstance(condition, Event) else None

    def strength(self, step: int) -> float:
        """Return a number from 0 to 1.

        Args:
            step: A step since the last switching.
        """
        if not self._schedule.ramp:
            return float(self.is_on)
        way = (step - self._since) / self._schedule.ramp
        return min(1.0, self._strength_then + way) if self.is_on else max(0.0, self._strength_then - way)

    def is_active(self, step: int) -> bool:
        """Whether it is on or still fades.

        Args:
            step: A step since the last switching.

        Returns:
            True or false.
        """
        return self.is_on or self.strength(step) > 0

    def update(self, step: int, cause: str | None) -> bool:
        """Switch if it is time.

        Args:
            step: The step that comes next.
            cause: Why the event that is awaited has happened; None if it has not.

        Returns:
            Whether it has switched.
        """
        condition = self._condition
        if isinstance(condition, int):
            name, start = ("off", self._since) if self.is_on else ("on", 0)
            cause = f"{name}={condition}" if step - start >= condition else None
        if condition is None or cause is None:
            return False
        self._strength_then, self._since = self.strength(step), step
        self.is_on = not self.is_on
        self.history = (*self.history, (step, "on" if self.is_on else "off", cause))[-KEPT:]
        return True

    def state_dict(self) -> dict[str, Any]:
        """Return plain numbers, strings and lists."""
        return {
            "is_on": self.is_on,
            "since": self._since,
            "strength_then": self._strength_then,
            "history": [list(each) for each in self.history],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another switch was.

        Args:
            state: What its :meth:`state_dict` returned, of the form :data:`FORM`.
        """
        self.is_on, self._since = state["is_on"], state["since"]
        self._strength_then = state["strength_then"]
        self.history = tuple((step, name, cause) for step, name, cause in state["history"])

    @property
    def _condition(self) -> int | Event | None:
        if self.is_on:
            return self._schedule.off
        # a number of steps from the start of training passes once
        again = isinstance(self._schedule.on, Event) or not self.history
        return self._schedule.on if again else None
