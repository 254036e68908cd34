"""``python -m benchmarks cost``: time looks beside training steps and beside what the peers do."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import torch

from benchmarks.cost.observation.cases import BATCH, CASES
from benchmarks.generated import replace_part

README = Path(__file__).parents[1] / "README.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("models", nargs="*", type=_known, help=f"of {', '.join(CASES)}; all if left out")
    parser.add_argument("--repeat", type=int, default=5, help="timings of each figure; the median counts")
    parser.add_argument("--json", type=Path, help="where to write all times and counts")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Time the models.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    # the zoo, a command beside this one, runs where Lightning cannot be imported
    from benchmarks.cost.observation import table
    from benchmarks.cost.observation.arithmetic import product_rate
    from benchmarks.cost.observation.measurement import measure
    from benchmarks.cost.observation.peers import installed

    peers, rate, costs = installed(), product_rate(options.repeat), []
    for name in options.models or CASES:
        costs.append(measure(CASES[name], peers, options.repeat, rate))
        print(table.looks(costs[-1:]), flush=True)
    threads = torch.get_num_threads()
    text = f"Batch {BATCH}, {threads} threads, torch {torch.__version__}:\n\n{table.report(costs)}"
    print(text)
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1))
    if options.write_readme:
        replace_part(README, "cost", text)
    return 0


def _known(name: str) -> str:
    if name not in CASES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(CASES)}")
    return name
