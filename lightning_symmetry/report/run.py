"""What a training run leaves behind for a report."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lightning_symmetry.functional._check import check, check_numbers
from lightning_symmetry.stages.transition import Transition


@dataclass(frozen=True)
class Curve:
    """A number at increasing steps of training.

    Args:
        steps: Optimizer steps, strictly increasing.
        values: One number for each step.

    Raises:
        ValueError: If one is no number, the lengths differ or the steps do not increase.

    Example:
        >>> Curve((0, 50), (64.0, 9.5)).last
        9.5
    """

    steps: tuple[int, ...]
    values: tuple[float, ...]

    def __post_init__(self) -> None:
        check_numbers(self.steps, "steps")
        check_numbers(self.values, "values")
        if len(self.steps) != len(self.values):
            raise ValueError(
                f"`values` must be as many as `steps`, found {len(self.values)} and {len(self.steps)}"
            )
        if any(b <= a for a, b in zip(self.steps, self.steps[1:], strict=False)):
            raise ValueError(f"`steps` must increase, found {self.steps}")

    @property
    def last(self) -> float:
        """The value at the last step; NaN for an empty curve."""
        return self.values[-1] if self.values else math.nan


@dataclass(frozen=True)
class Run:
    """One training run of one variant.

    Args:
        name: Name of the variant; runs of the same name differ in their seed only.
        seed: Seed of the run.
        curves: By key, what was logged while the model trained.
        figures: By key, what the run ended with, such as a test accuracy.
        transitions: Where stages of training ended, as :class:`~lightning_symmetry.StageDetector` finds them.
    """

    name: str
    seed: int
    curves: Mapping[str, Curve] = field(default_factory=dict)
    figures: Mapping[str, float] = field(default_factory=dict)
    transitions: Sequence[Transition] = ()


def check_runs(runs: object) -> None:
    """Raise unless these are runs.

    Args:
        runs: Anything.

    Raises:
        ValueError: naming what was found instead.
    """
    check(isinstance(runs, Sequence), "runs", "be a sequence of runs", type(runs).__name__)
    for run in runs:  # type: ignore[attr-defined]
        check(isinstance(run, Run), "runs", "be a sequence of runs", type(run).__name__)


def variants(runs: Sequence[Run]) -> dict[str, list[Run]]:
    """Group runs by their name.

    Args:
        runs: Any runs.

    Returns:
        The runs of every variant, variants and runs in the order given.

    Raises:
        ValueError: If they are no runs.
    """
    check_runs(runs)
    grouped: dict[str, list[Run]] = {}
    for run in runs:
        grouped.setdefault(run.name, []).append(run)
    return grouped
