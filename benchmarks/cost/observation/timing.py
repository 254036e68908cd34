"""Time actions that take turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

CPU = torch.device("cpu")

LEAST = 0.05
"""Seconds that one timing takes at least: short actions are repeated."""

ENOUGH = 20.0
"""Seconds of timings after which an action is not timed again."""


@dataclass(frozen=True)
class Timing:
    """What an action took; as text, the median with half of the spread as a share of it.

    Attributes:
        seconds: The median of its timings.
        spread: The longest less the shortest of them.
        count: How many there were.
    """

    seconds: float
    spread: float
    count: int

    def __str__(self) -> str:
        share = "" if self.count == 1 else f" ± {self.spread / 2 / self.seconds:.0%}"
        return duration(self.seconds) + share


def duration(seconds: float) -> str:
    """Write seconds in the unit that suits."""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def alternate(
    actions: Mapping[str, Callable[[], object]],
    repeat: int,
    device: torch.device = CPU,
    enough: float = ENOUGH,
) -> dict[str, Timing]:
    """Time actions in turn, so that a slow moment of the machine meets them all.

    A round before the first is not timed.

    Args:
        actions: What is timed, by name.
        repeat: Timings of each action.
        device: What has to be done with an action before its time is up.
        enough: Seconds of timings after which an action is left out of further rounds.

    Returns:
        What each took.
    """
    for action in actions.values():
        action()
    seconds: dict[str, list[float]] = {name: [] for name in actions}
    for _ in range(repeat):
        for name, action in actions.items():
            if sum(seconds[name]) < enough:
                seconds[name].append(_once(action, device))
    return {name: Timing(statistics.median(s), max(s) - min(s), len(s)) for name, s in seconds.items()}


def _once(action: Callable[[], object], device: torch.device) -> float:
    _wait(device)
    count, started = 0, time.perf_counter()
    while True:
        action()
        count += 1
        _wait(device)
        passed = time.perf_counter() - started
        if passed >= LEAST:
            return passed / count


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
