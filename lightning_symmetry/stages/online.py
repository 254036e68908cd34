"""Where a series jumps from one plateau to another, found while it comes in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, NamedTuple

from lightning_symmetry._plain_form import between, each, number, optional, record, row
from lightning_symmetry.functional._check import check_number
from lightning_symmetry.stages.level import FORM as LEVEL
from lightning_symmetry.stages.level import MEMORY, Level
from lightning_symmetry.stages.plateau import span, stands_still

WINDOW = 8
"""Points that make a plateau."""

_LIMIT = 5.0
_SLACK = 2.0
_ALARM = 4 * (_LIMIT - _SLACK)  # four points in a row
_BOUND = 3.0
_TOLERANCE = 0.02
_TAIL = 0.25
_LARGEST = 1e150  # squares stay finite

_VALUE = between(-_LARGEST, _LARGEST)
_SIZE = between(0, 10 * _LARGEST)
FORM = record(
    {"level": optional(LEVEL), "left": optional(number), "recent": each(row(number, _VALUE))}
    | {"sums": row(_SIZE, _SIZE), "began": row(number, number)}
    | {"first": optional(_VALUE), "span": _SIZE, "last_jump": _SIZE}
)
"""What the state of a detector may be."""


class Jump(NamedTuple):
    """A change from one plateau to the next.

    Attributes:
        step: Step of the first point that is off the old plateau.
        before: Level of the old plateau.
        after: Level of the new one.
    """

    step: int
    before: float
    after: float


class JumpDetector:
    r"""Find the jumps between the plateaus of one series in constant memory.

    A series first has to stand still, for :data:`WINDOW` points: no trend is to be told from their noise by
    von Neumann's ratio, or they span at most 2 % of the largest span that as many points had lately. Then two
    one-sided cumulative sums (Page, *Biometrika* 1954) of the distance from the level,

    .. math:: S_t = \max(0, S_{t-1} + \min(|x_t - \mu| / s,\, 5) - 2), \quad \text{alarm at } S_t \ge 12,

    say when it is left: four points far away, more if they are close. The noise s follows the noise of the
    series and its correlation, and a point counts for level and noise once it is :data:`WINDOW` points old.
    The jump is reported when the series stands still again, at another level, and dated back to where the
    sum began to rise. What returns to the old level is no jump, nor is a change of less than a quarter of the
    one before, the first fall to a plateau included: that is its tail (a change counts for half as much 44
    points later). Moved and scaled series have the same jumps; changed in sign, they jump the other way.

    Measured on 400 series of 1000 points: no false jump in white noise or autoregressive noise whose
    neighbours correlate by 0.5 or 0.7; 0.0025 a series at 0.8 and 0.0125 at 0.9. A step of 5 standard
    deviations of white noise is found in 97 % of 300 series if it comes after 100 points, in 78 % after 40
    and in 36 % after 20, about 9 points after it happened on average and 25 at most. An exact step is found
    always, at the eighth point.

    Not seen: a plateau of fewer than 8 points; a change of less than 4 % of the largest span lately; a rise
    over more points than a level's memory of 64. A noisy rise over some forty points may be read as two.

    Example:
        >>> detector = JumpDetector()
        >>> units = [1.0] * 20 + [8.0] * 20
        >>> [jump for step, value in enumerate(units) if (jump := detector.update(step, value))]
        [Jump(step=20, before=1.0, after=8.0)]
    """

    def __init__(self) -> None:
        self._level: Level | None = None
        self._left: int | None = None
        self._recent: list[tuple[int, float]] = []
        self._sums = [0.0, 0.0]
        self._began = [0, 0]
        self._first: float | None = None
        self._span = 0.0
        self._last_jump = 0.0

    def update(self, step: int, value: float) -> Jump | None:
        """Take in the next point.

        Args:
            step: Its step, larger than the one before.
            value: Its value. One that is not finite, or beyond ±1e150, says nothing.

        Returns:
            A jump, if this point completes a new plateau.

        Raises:
            ValueError: If one is no number.
        """
        check_number(step, "step")
        check_number(value, "value")
        if not abs(value) < _LARGEST:
            return None
        if self._first is None:
            self._first = value
        self._recent.append((step, value))
        self._span = max(self._span * (1 - 1 / (2 * MEMORY)), span(self._values()[-WINDOW:]))
        self._last_jump *= 1 - 1 / MEMORY
        if self._level is None:
            self._settle_first(self._first)
        elif self._left is None:
            self._watch(step, value, self._level)
        else:
            return self._settle(self._level, self._left)
        return None

    def state_dict(self) -> dict[str, Any]:
        """Return everything there is, of a size that does not depend on the number of points.

        Returns:
            Plain numbers, lists and dicts.
        """
        return {
            "level": None if self._level is None else asdict(self._level),
            "left": self._left,
            "recent": [list(point) for point in self._recent],
            "sums": list(self._sums),
            "began": list(self._began),
            "first": self._first,
            "span": self._span,
            "last_jump": self._last_jump,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where another detector was.

        Args:
            state: What its :meth:`state_dict` returned.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """
        FORM(state, "state")
        self._level = None if state["level"] is None else Level.from_dict(state["level"])
        self._left = state["left"]
        self._recent = [(step, value) for step, value in state["recent"]]
        self._sums = list(state["sums"])
        self._began = list(state["began"])
        self._first = state["first"]
        self._span = state["span"]
        self._last_jump = state["last_jump"]

    def _watch(self, step: int, value: float, level: Level) -> None:
        scale, distance = self._scale(level), value - level.mean
        score = min(abs(distance) / scale, _LIMIT) if scale else _LIMIT * bool(distance)
        for side, sign in enumerate((1, -1)):
            if not self._sums[side]:
                self._began[side] = step
            self._sums[side] = max(0.0, self._sums[side] + math.copysign(score, sign * distance) - _SLACK)
        # the larger sum is that of the side on which the last points lie
        side = self._sums.index(max(self._sums))
        if self._sums[side] >= _ALARM:
            self._left = self._began[side]
            self._sums = [0.0, 0.0]
            self._recent = [point for point in self._recent if point[0] >= self._left]
        elif len(self._recent) > WINDOW:
            level.absorb(self._recent.pop(0)[1], _BOUND * scale)

    def _settle_first(self, first: float) -> None:
        self._level = self._plateau()
        if self._level is not None:
            # the way from the first point to a plateau ends in a tail as a jump does
            self._last_jump = abs(self._level.mean - first)

    def _settle(self, old: Level, left: int) -> Jump | None:
        points = self._values()[-WINDOW:]
        new = self._plateau()
        if new is None:
            return None
        self._left = None
        size, scale = abs(new.mean - old.mean), self._scale(old)
        if size <= _SLACK * max(scale, new.deviation):
            for value in points:
                old.absorb(value, _BOUND * scale)
            return None
        self._level = new
        if size < _TAIL * self._last_jump:
            return None
        self._last_jump = size
        return Jump(left, old.mean, new.mean)

    def _plateau(self) -> Level | None:
        """The level of the last points, which are used up, if they stand still."""
        self._recent = self._recent[-WINDOW:]
        values = self._values()
        if len(values) < WINDOW or not stands_still(values, _TOLERANCE * self._span):
            return None
        self._recent = []
        return Level.of(values)

    def _scale(self, level: Level) -> float:
        return math.hypot(level.noise, _TOLERANCE * self._span)

    def _values(self) -> list[float]:
        return [value for _, value in self._recent]
