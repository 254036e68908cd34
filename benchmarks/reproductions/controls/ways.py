"""Syre, and the simpler things that it has to be better than."""

from __future__ import annotations

from benchmarks.reproductions.controls.noise import NoiseAtEveryStep, NoiseAtStart
from benchmarks.reproductions.controls.resetting import ResetUnits
from lightning_symmetry import RemoveSymmetry, Syre
from lightning_symmetry._compat import Callback

NO_DECAY, DECAY, SYRE, ONCE, ALWAYS, RESET = (
    "no weight decay",
    "weight decay alone",
    "`RemoveSymmetry`",
    "noise at the start",
    "noise at every step",
    "re-initialisation",
)
WAYS = (DECAY, SYRE, ONCE, ALWAYS, RESET)
"""What is done with the same weight decay."""


def callbacks(way: str, config: Syre, steps: int) -> list[Callback]:
    """Make what a way adds to a training.

    Args:
        way: One of ``WAYS``, or ``NO_DECAY``.
        config: Size and seed of the offset, and of what stands in its place.
        steps: Of the training: units are reset ten times, and not in its last quarter.

    Returns:
        None or one callback.
    """
    made: dict[str, list[Callback]] = {
        NO_DECAY: [],
        DECAY: [],
        SYRE: [RemoveSymmetry(config)],
        ONCE: [NoiseAtStart(config)],
        ALWAYS: [NoiseAtEveryStep(config)],
        RESET: [ResetUnits(max(1, steps * 3 // 40), steps * 3 // 4, config.seed)],
    }
    return made[way]
