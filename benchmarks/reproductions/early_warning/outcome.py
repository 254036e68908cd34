"""When the alarm was raised in a training, and when its accuracy fell."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import torch

from benchmarks.reproductions.early_warning.scenarios import Scenario
from benchmarks.reproductions.early_warning.watching import RISK, History
from lightning_symmetry.callbacks._collapse_warning import WINDOW
from lightning_symmetry.metrics import CollapseRisk

ALARM = 0.5
"""The risk beyond which there is an alarm."""

POINTS = 0.02
"""Accuracy has fallen where it is lower than its best by so much, to the end of the training."""

LASTING = 5
"""Looks that a fall lasts at least, and neighbouring looks whose median is taken for the best."""

SHARES = ("symmetry/broken_share/", "symmetry/participation_ratio/")
"""What one might watch instead of distances: order parameters that no change of scale moves."""


@dataclass(frozen=True)
class Outcome:
    """What became of one training.

    Attributes:
        scenario: What was trained.
        seed: Its seed.
        best: The best accuracy.
        last: The accuracy at the end.
        fall: The step at which accuracy fell, if it did.
        looks: The steps of the looks with a full window.
        alarms: Those with an alarm for the model.
        by_shares: Those with an alarm if shares and ranks were watched.
        each: How many risks of single symmetries there were at these looks.
        alarms_each: How many of them were alarms.
    """

    scenario: Scenario
    seed: int
    best: float
    last: float
    fall: int | None
    looks: tuple[int, ...]
    alarms: tuple[int, ...]
    by_shares: tuple[int, ...]
    each: int
    alarms_each: int


def judged(scenario: Scenario, seed: int, history: History) -> Outcome:
    """Say when the alarm was raised and when accuracy fell.

    Args:
        scenario: What was trained.
        seed: Its seed.
        history: What was seen.

    Returns:
        The outcome.
    """
    best, fall = fell(history.steps, history.accuracies)
    # the monitor has looked once before the first step
    full = range(WINDOW - 2, len(history.steps))
    each = [risk for look in full for key, risk in history.values[look].items() if key.startswith(f"{RISK}/")]
    by_shares = _by_shares(history)
    return Outcome(
        scenario,
        seed,
        best,
        history.accuracies[-1],
        fall,
        looks=tuple(history.steps[look] for look in full),
        alarms=tuple(history.steps[look] for look in full if history.values[look][RISK] > ALARM),
        by_shares=tuple(history.steps[look] for look in full if by_shares[look] > ALARM),
        each=len(each),
        alarms_each=sum(risk > ALARM for risk in each),
    )


def fell(steps: Sequence[int], accuracies: Sequence[float]) -> tuple[float, int | None]:
    """Find where accuracy falls for good.

    Args:
        steps: The steps of the looks.
        accuracies: The held-out accuracy at each.

    Returns:
        The best accuracy, as a median of five looks, and the first step of those to the end at which accuracy
        is two points below the best before it; ``None`` if they are fewer than five.
    """
    smooth = [median(accuracies[i : i + LASTING]) for i in range(len(accuracies) - LASTING + 1)]
    first = len(steps)
    while first >= LASTING and accuracies[first - 1] < max(smooth[: first - LASTING + 1]) - POINTS:
        first -= 1
    return max(smooth), steps[first] if len(steps) - first >= LASTING else None


def _by_shares(history: History) -> list[float]:
    keys = [key for key in history.values[-1] if key.startswith(SHARES)]
    metric, risks = CollapseRisk(WINDOW), []
    for step, values in zip(history.steps, history.values, strict=True):
        metric.update(step, torch.tensor([values.get(key, math.nan) for key in keys], dtype=torch.float64))
        risks.append(float(metric.compute()))
    return risks
