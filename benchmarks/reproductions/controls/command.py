"""``python -m benchmarks controls``: what syre does beside decay alone, noise and re-initialisation."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from benchmarks.generated import replace_part
from benchmarks.reproductions.controls.collapse import SETTINGS, figures, trained
from benchmarks.reproductions.controls.table import Found, table
from benchmarks.reproductions.controls.tied import TASKS, Task, measured
from benchmarks.reproductions.controls.ways import DECAY, NO_DECAY, WAYS
from lightning_symmetry.demo.data import digits

README = Path(__file__).parents[1] / "README.md"

RECOVERY = 0.1
"""Share of the weight decay that is left for a collapsed network to recover."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each kind")
    parser.add_argument("--steps", type=int, default=1000, help="of the networks of equal units")
    parser.add_argument("--epochs", type=int, default=150, help="of the demo's network")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Train everything and print the tables.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    parts = []
    for task in TASKS:
        parts += [
            f"Units that begin equal, weight decay {task.decay:g}, {task.says}:",
            table(tied(task, options.seeds, options.steps)),
        ]
        print("\n\n".join(parts[-2:]), flush=True)
    collapsing, recovering = digit_networks(options.seeds, options.epochs)
    parts += ["The demo's network, 128 hidden units:", table(collapsing)]
    parts += ["Collapsed by weight decay alone, and trained on with a tenth of it:", table(recovering)]
    text = "\n\n".join([f"{options.seeds} seeds.", *parts])
    print("\n\n".join(parts[-4:]))
    if options.write_readme:
        replace_part(README, "controls", text)
    return 0


def tied(task: Task, seeds: int, steps: int) -> Found:
    """Train networks of equal units in every way.

    Args:
        task: What they are trained for.
        seeds: Trainings of each way.
        steps: Optimizer steps.

    Returns:
        Their figures.
    """
    return _all(WAYS, seeds, lambda way, seed: measured(way, task, seed, steps))


def digit_networks(seeds: int, epochs: int) -> tuple[Found, Found]:
    """Train the demo's network in every way, and those that decay alone collapsed again.

    Args:
        seeds: Trainings of each way.
        epochs: Passes over the images; half of them to recover.

    Returns:
        Figures of the first trainings, and of those that went on.
    """
    data, collapsed = digits(), {}

    def collapse(way: str, seed: int) -> dict[str, float]:
        module = trained(way, data, seed, epochs, SETTINGS.penalty)
        if way == DECAY:
            collapsed[seed] = module.state_dict()
        return figures(module, way, data, seed)

    def recover(way: str, seed: int) -> dict[str, float]:
        penalty = SETTINGS.penalty * RECOVERY
        module = trained(way, data, seed, epochs // 2, penalty, start=collapsed[seed])
        return figures(module, way, data, seed)

    return _all((NO_DECAY, *WAYS), seeds, collapse), _all((NO_DECAY, *WAYS), seeds, recover)


def _all(
    ways: tuple[str, ...], seeds: int, measure: Callable[[str, int], dict[str, float]]
) -> dict[str, list[dict[str, float]]]:
    return {way: [measure(way, seed) for seed in range(seeds)] for way in ways}
