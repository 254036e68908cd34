"""``python -m benchmarks early-warning``: raise the alarm in healthy and in collapsing trainings."""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.generated import replace_part
from benchmarks.reproductions.early_warning import table
from benchmarks.reproductions.early_warning.outcome import judged
from benchmarks.reproductions.early_warning.scenarios import SCENARIOS
from benchmarks.reproductions.early_warning.watching import watch
from lightning_symmetry.demo.data import digits
from lightning_symmetry.demo.quiet import quiet

README = Path(__file__).parents[1] / "README.md"

FIRST_SEED = 200
"""The definition was chosen on smaller seeds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each kind")
    parser.add_argument("--first-seed", type=int, default=FIRST_SEED, help="the first of the seeds")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Train everything and print the tables.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    data, outcomes = digits(), []
    with quiet():
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            for scenario in SCENARIOS:
                one = judged(scenario, seed, watch(scenario, seed, data))
                outcomes.append(one)
                print(
                    f"{scenario.network}, {scenario.training}, seed {seed}: best {one.best:.3f}, "
                    f"end {one.last:.3f}, fall {one.fall}, first alarms {one.alarms[:3]}",
                    flush=True,
                )
    text = (
        f"{options.seeds} seeds from {options.first_seed} on.\n\n"
        f"{table.false_alarms(outcomes)}\n\n{table.leads(outcomes)}"
    )
    print(text)
    if options.write_readme:
        replace_part(README, "early-warning", text)
    return 0
