"""Whether an event has happened in a Trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._compat import LightningModule, Trainer, rank_zero_warn
from ..._plain_form import by_text, each, integer, number, optional, record
from ...stages.transition import FORM as TRANSITION
from ..event import Event, OnMetric, OnTransition
from ..schedule import Schedule
from ..stage_detector import StageDetector

FORM = record(
    {"last_check": optional(integer(0)), "values": by_text(number), "marks": each(optional(TRANSITION))}
)
"""What a watch may have saved."""


class Watch:
    """Reads what events depend on, at the steps where they may happen.

    The first process decides for all, of whom every one must ask at the same steps.

    Args:
        schedule: The schedule that waits for them.
    """

    def __init__(self, schedule: Schedule) -> None:
        self._events = [event for event in (schedule.on, schedule.off) if isinstance(event, Event)]
        self._last_check: int | None = None
        self._values: dict[str, float] = {}
        self._marks: list[dict[str, Any] | None] = []

    def check(self, trainer: Trainer) -> None:
        """Refuse to wait for what cannot happen.

        Args:
            trainer: The Trainer.

        Raises:
            ValueError: If nothing finds the transitions that are waited for.
        """
        if not _detectors(trainer) and any(isinstance(event, OnTransition) for event in self._events):
            raise ValueError(
                "the Trainer must have a StageDetector for an OnTransition to happen, found none among its "
                "callbacks"
            )

    def begin(self, trainer: Trainer, step: int) -> None:
        """Wait from now on.

        Args:
            trainer: The Trainer.
            step: Steps done.
        """
        self._last_check = step
        latest = [each.transitions[-1:] for each in _detectors(trainer)]
        self._marks = [found[0].to_dict() if found else None for found in latest]

    def cause(
        self, trainer: Trainer, pl_module: LightningModule, event: Event | None, step: int
    ) -> str | None:
        """Say why an event has happened.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            event: What is awaited.
            step: Steps done.

        Returns:
            The cause, the same in every process; None if it has not happened, or not been looked for.
        """
        if self._last_check is None:
            self.begin(trainer, step)
        if event is None or step - (self._last_check or 0) < event.every_n_steps:
            return None
        self._last_check = step
        cause = self._transition(trainer, pl_module, event) if isinstance(event, OnTransition) else None
        if isinstance(event, OnMetric):
            self._read(trainer)
            value = self._values.get(event.key)
            cause = f"{event}, found {value}" if value is not None and event.happened(value) else None
        decision: str | None = trainer.strategy.broadcast(cause)
        return decision

    def warn(self, trainer: Trainer, event: Event | None) -> None:
        """Name the key that is awaited and never came.

        Args:
            trainer: The Trainer.
            event: What is awaited.
        """
        known = self._values.keys() | trainer.callback_metrics.keys()
        if isinstance(event, OnMetric) and event.key not in known:
            rank_zero_warn(f"Steering waited for `{event.key}`, which was never logged in this run.")

    def state_dict(self, trainer: Trainer) -> dict[str, Any]:
        """Return plain numbers, strings and lists, the values that a resumed Trainer does not know included.

        Args:
            trainer: The Trainer.
        """
        self._read(trainer)
        return {"last_check": self._last_check, "values": dict(self._values), "marks": list(self._marks)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another one was.

        Args:
            state: What its :meth:`state_dict` returned.
        """
        self._last_check, self._marks = state["last_check"], list(state["marks"])
        self._values = dict(state["values"])

    def _read(self, trainer: Trainer) -> None:
        # asking for them may compute a metric together with all processes
        logged = trainer.callback_metrics
        for event in self._events:
            if isinstance(event, OnMetric) and event.key in logged:
                self._values[event.key] = float(logged[event.key])

    def _transition(self, trainer: Trainer, pl_module: LightningModule, event: OnTransition) -> str | None:
        found = []
        for place, detector in enumerate(_detectors(trainer)):
            # one that stands further down the list has not read the last look yet
            detector.on_train_batch_start(trainer, pl_module, None, 0)
            mark = self._marks[place] if place < len(self._marks) else None
            known = [transition.to_dict() for transition in detector.transitions]
            first = len(known) - known[::-1].index(mark) if mark in known else 0
            found += [transition for transition in detector.transitions[first:] if event.happened(transition)]
        self.begin(trainer, self._last_check or 0)
        if not found:
            return None
        first_found = found[0]
        return (
            f"{first_found.quantity} of {first_found.symmetry} {first_found.kind} at step {first_found.step}"
        )


def _detectors(trainer: Trainer) -> list[StageDetector]:
    callbacks: list[object] = list(trainer.callbacks)  # type: ignore[attr-defined]
    return [each for each in callbacks if isinstance(each, StageDetector)]
