"""``python -m benchmarks soak``: train for long with every callback, and see whether anything grows."""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.generated import replace_part
from benchmarks.reliability.footprint import LOOK, MEMORY, OBJECTS, PLAIN_STEP, Footprint, Watch
from benchmarks.reliability.small import STAIRS, SmallBatches, SmallClassifier, small_trainer
from lightning_symmetry import RemoveSymmetry, RepresentationMonitor, StageDetector, SymmetryMonitor, Syre
from lightning_symmetry.demo.quiet import quiet

README = Path(__file__).parent / "README.md"

SAMPLES = 50
"""What is there is counted so many times; the first fifth of them does not count."""

ALLOWED = {MEMORY: 1.01, OBJECTS: 1.01, PLAIN_STEP: 1.1, LOOK: 1.1}
"""Growth that is noise: allocators and clocks are never still. Everything else may not grow at all."""


@dataclass(frozen=True)
class Growth:
    """One figure early and late in a run.

    Attributes:
        name: What it is.
        first: Its median over the first half, warm-up left out; the largest, if it is a count.
        second: The same over the second half.
    """

    name: str
    first: float
    second: float

    @property
    def grows(self) -> bool:
        """Whether the second half has more than noise makes of the first."""
        return self.second > self.first * ALLOWED.get(self.name, 1.0)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--steps", type=int, default=100_000, help="optimizer steps")
    parser.add_argument("--every", type=int, default=500, help="steps between two looks of each monitor")
    parser.add_argument("--write-readme", action="store_true", help=f"put the table into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Train, count and compare.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0 if nothing grows, 1 otherwise.
    """
    started = time.perf_counter()
    with warnings.catch_warnings(), quiet():
        warnings.simplefilter("always", append=True)
        found = growths(samples(options.steps, options.every))
    seconds = time.perf_counter() - started
    growing = [one.name for one in found if one.grows]
    head = (
        f"{options.steps:,} steps in {seconds:.0f} s, a look of each monitor every {options.every}, "
        f"torch {torch.__version__}:"
    )
    text = f"{head}\n\n{table(found)}\n\n{verdict(growing)}"
    print(text)
    if options.write_readme:
        replace_part(README, "soak", text)
    return int(bool(growing))


def samples(steps: int, every: int) -> list[dict[str, float]]:
    """Train with every callback that observes or steers, and take samples.

    Args:
        steps: Optimizer steps.
        every: Steps between two looks.

    Returns:
        What there was, again and again.
    """
    symmetries = SymmetryMonitor(every_n_steps=every, max_overhead=None, strict=True)
    representations = RepresentationMonitor(every_n_steps=every, batches=1, max_overhead=None, strict=True)
    reading = max(1, every // 20)
    stages = StageDetector(every_n_steps=reading, losses=("loss", *STAIRS), strict=True)
    seen = [symmetries.last_step, representations.last_step]

    def has_looked() -> bool:
        before = list(seen)
        seen[:] = symmetries.last_step, representations.last_step
        return seen != before

    watch = Watch()
    footprint = Footprint(watch, steps // SAMPLES, has_looked)
    callbacks = [watch, symmetries, representations, stages, RemoveSymmetry(Syre()), footprint]
    module, batches = SmallClassifier(stair_steps=20 * reading), SmallBatches(max(1, steps // 100))
    small_trainer(callbacks, steps).fit(module, batches)
    return footprint.samples


def growths(samples: Sequence[dict[str, float]]) -> list[Growth]:
    """Compare the halves of a run.

    Args:
        samples: What there was, again and again.

    Returns:
        Every figure early and late.
    """
    warm = samples[len(samples) // 5 :]
    first, second = warm[: len(warm) // 2], warm[len(warm) // 2 :]
    return [
        Growth(name, *(_of([each[name] for each in half if name in each], name) for half in (first, second)))
        for name in samples[-1]
    ]


def table(found: Sequence[Growth]) -> str:
    """Write all as a Markdown table."""
    rows = ["| | first half | second half | |", "|---|---|---|---|"]
    for one in found:
        rows.append(
            f"| {one.name} | {one.first:,.4g} | {one.second:,.4g} | {'**grows**' if one.grows else ''} |"
        )
    return "\n".join(rows)


def verdict(growing: Sequence[str]) -> str:
    """Say in a sentence what the table shows."""
    return f"What grows: {', '.join(growing)}." if growing else "Nothing grows."


def _of(values: Sequence[float], name: str) -> float:
    return median(values) if name in ALLOWED else max(values)
