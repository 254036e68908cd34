"""The stages of a training run, from many series at once."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Mapping
from typing import Any

from lightning_symmetry._plain_form import by_text, each, integer, number, record
from lightning_symmetry.functional._check import check, check_integer, check_number, check_size
from lightning_symmetry.stages.online import FORM as DETECTOR
from lightning_symmetry.stages.online import JumpDetector
from lightning_symmetry.stages.transition import FORM as TRANSITION
from lightning_symmetry.stages.transition import Transition, is_telling

_COLLAPSING = ("distinct_units", "effective_rank")

FORM = record(
    {"stage": integer(0), "changes": each(number), "transitions": each(TRANSITION)}
    | {"largest": by_text(number), "detectors": by_text(DETECTOR)}
)
"""What the state of a tracker may be."""


class StageTracker:
    """Follow order parameters and losses, and count the stages that their jumps divide training into.

    A stage is the time between two changes. Jumps of several series count as one change if each is dated at
    most ``window`` steps from the first of them that was found. See
    :class:`~lightning_symmetry.stages.JumpDetector` for what a jump is and how late it is found.

    Args:
        window: Steps within which jumps of several series are one change.
        kept: Transitions and changes that are remembered; the oldest are forgotten first, but still counted.

    Raises:
        ValueError: If ``window`` is no integer or negative, or ``kept`` none or not positive.

    Attributes:
        stage: Number of the current stage, from 0.

    Example:
        >>> tracker = StageTracker(window=10)
        >>> for step in range(40):
        ...     units = {"symmetry/distinct_units/0.permutation": 1.0 if step < 20 else 8.0}
        ...     found = tracker.update(step, {"loss": 3.0 if step < 22 else 2.0, **units})
        >>> tracker.stage, [(t.step, t.symmetry, t.kind) for t in tracker.transitions]
        (1, [(20, '0.permutation', 'broken'), (22, 'loss', 'fell')])
    """

    def __init__(self, window: int, kept: int = 1000) -> None:
        check_integer(window, "window")
        if window < 0:
            raise ValueError(f"`window` must not be negative, found {window}")
        check_integer(kept, "kept")
        if kept < 1:
            raise ValueError(f"`kept` must be at least 1, found {kept}")
        check_size(kept, "kept")
        self.window = window
        self.stage = 0
        self._transitions: deque[Transition] = deque(maxlen=kept)
        self._changes: list[int] = []
        self._detectors: dict[str, JumpDetector] = {}
        self._largest: dict[str, float] = {}

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """What was found, in the order in which it was found."""
        return tuple(self._transitions)

    def update(self, step: int, values: Mapping[str, float]) -> list[Transition]:
        """Take in the next point of some series.

        Args:
            step: The optimizer step; larger than at the last point of each of them.
            values: By key. Keys that say nothing about breaking, such as ``symmetry/noether_imbalance``, and
                values that are not finite are passed over.

        Returns:
            The transitions that these points complete.

        Raises:
            ValueError: If ``values`` are no numbers by texts, or ``step`` is no number.
        """
        check(isinstance(values, Mapping), "values", "be a mapping", values)
        check_number(step, "step")
        for key, value in values.items():
            check(isinstance(key, str), "values", "be named by texts", key)
            check_number(value, f"values[{key!r}]")
        found = []
        for key, value in values.items():
            if not is_telling(key):
                continue
            detector = self._detectors.setdefault(key, JumpDetector())
            # a comparison with NaN is false
            self._largest[key] = max(self._largest.get(key, value), value)
            jump = detector.update(step, value)
            if jump is not None:
                found.append(Transition.of(key, *jump))
        for transition in found:
            self._count(transition.step)
        self._transitions.extend(found)
        return found

    def has_collapsed(self, transition: Transition, fraction: float) -> bool:
        """Whether a restoration took the number of units or directions that differ far down.

        Args:
            transition: One that was found here.
            fraction: Of the largest value that the series had.

        Returns:
            True if distinct units or effective rank are restored to less than this fraction.
        """
        if transition.kind != "restored" or transition.quantity not in _COLLAPSING:
            return False
        return transition.after < fraction * self._largest[transition.key]

    def state_dict(self) -> dict[str, Any]:
        """Return everything there is, of a size that does not depend on the number of points.

        Returns:
            Plain numbers, strings, lists and dicts.
        """
        return {
            "stage": self.stage,
            "changes": list(self._changes),
            "transitions": [transition.to_dict() for transition in self._transitions],
            "largest": dict(self._largest),
            "detectors": {key: detector.state_dict() for key, detector in self._detectors.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another tracker was.

        Args:
            state: What its :meth:`state_dict` returned.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """
        FORM(state, "state")
        self.stage = state["stage"]
        self._changes = list(state["changes"])
        self._transitions.clear()
        self._transitions.extend(map(Transition.from_dict, state["transitions"]))
        self._largest = dict(state["largest"])
        self._detectors = {key: JumpDetector() for key in state["detectors"]}
        for key, detector in self._detectors.items():
            detector.load_state_dict(state["detectors"][key])

    def _count(self, step: int) -> None:
        if any(abs(step - change) <= self.window for change in self._changes):
            return
        self.stage += 1
        insort(self._changes, step)
        del self._changes[: -(self._transitions.maxlen or 1)]
