"""What may happen in a run that turns steering on or off."""

from __future__ import annotations

import math
from abc import ABC
from dataclasses import dataclass
from fnmatch import fnmatchcase
from numbers import Real
from typing import Literal, get_args

from ..stages import Transition

Direction = Literal["any", "broken", "restored", "rose", "fell"]


class Event(ABC):
    """What :class:`~lightning_symmetry.Schedule` may wait for instead of a number of steps.

    Attributes:
        every_n_steps: Optimizer steps between two checks; only then is anything read from the device or sent
            to other processes.
    """

    every_n_steps: int


@dataclass(frozen=True)
class OnMetric(Event):
    """A logged number is beyond a threshold.

    Anything that the run logs will do. What is NaN is beyond nothing, and what was not logged yet is waited
    for; a key that never came is named in a warning at the end of training.

    Args:
        key: Key in ``trainer.callback_metrics``.
        above: Happens where the value is larger than this.
        below: Happens where the value is smaller than this; one of the two must be given.
        every_n_steps: Optimizer steps between two checks.

    Raises:
        ValueError: If not exactly one threshold is given, or an argument breaks its rule.

    Example:
        >>> OnMetric(above=0.5).happened(0.8), OnMetric(above=0.5).happened(float("nan"))
        (True, False)
    """

    key: str = "symmetry/collapse_risk"
    above: float | None = None
    below: float | None = None
    every_n_steps: int = 50

    def __post_init__(self) -> None:
        if (self.above is None) == (self.below is None):
            raise ValueError(
                f"exactly one of `above` and `below` must be given, found {self.above!r} and {self.below!r}"
            )
        for name, value in (("above", self.above), ("below", self.below)):
            if value is not None and not (isinstance(value, Real) and math.isfinite(value)):
                raise ValueError(f"`{name}` must be finite, found {value!r}")
        _check_steps(self.every_n_steps)

    def happened(self, value: float) -> bool:
        """Compare a value with the threshold.

        Args:
            value: What was logged.

        Returns:
            Whether it is beyond.
        """
        if self.above is not None:
            return value > self.above
        return self.below is not None and value < self.below

    def __str__(self) -> str:
        return f"{self.key} " + (f"> {self.above}" if self.below is None else f"< {self.below}")


@dataclass(frozen=True)
class OnTransition(Event):
    """A :class:`~lightning_symmetry.StageDetector` of the same Trainer finds a jump.

    Only what is found after the waiting began counts; when that is, and how late a jump is found:
    :class:`~lightning_symmetry.stages.JumpDetector`.

    Args:
        quantity: Pattern (``fnmatch``) of what jumps: a quantity such as ``"distinct_units"``, or the key of
            a loss.
        direction: What kind of jump: ``"broken"`` or ``"restored"`` for a symmetry, ``"rose"`` or ``"fell"``
            for a loss.
        every_n_steps: Optimizer steps between two checks.

    Raises:
        ValueError: If an argument breaks its rule.

    Example:
        >>> jump = Transition.of("symmetry/dead_units/0.permutation", 400, 0.0, 3.0)
        >>> OnTransition("dead_*", "restored").happened(jump), OnTransition("loss").happened(jump)
        (True, False)
    """

    quantity: str = "*"
    direction: Direction = "any"
    every_n_steps: int = 50

    def __post_init__(self) -> None:
        if not isinstance(self.direction, str) or self.direction not in get_args(Direction):
            raise ValueError(f"`direction` must be one of {get_args(Direction)}, found {self.direction!r}")
        _check_steps(self.every_n_steps)

    def happened(self, transition: Transition) -> bool:
        """Compare a jump with what is waited for.

        Args:
            transition: What was found.

        Returns:
            Whether it is that.
        """
        return fnmatchcase(transition.quantity, self.quantity) and self.direction in ("any", transition.kind)


def _check_steps(steps: object) -> None:
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 1:
        raise ValueError(f"`every_n_steps` must be an integer of at least 1, found {steps!r}")
