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
    parser.add_argument("--device", default="cpu", help="where the models are: cpu, cuda, ...")
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
    from benchmarks.cost.observation.arithmetic import product_rates
    from benchmarks.cost.observation.measurement import measure
    from benchmarks.cost.observation.peers import installed

    device = torch.device(options.device)
    peers, rates, costs = installed(), product_rates(options.repeat, device), []
    for name in options.models or [name for name, case in CASES.items() if case.fits(device)]:
        costs.append(measure(CASES[name], peers, options.repeat, rates, device))
        print(table.looks(costs[-1:]), flush=True)
    text = f"Batch {BATCH}, {_machine(device)}, torch {torch.__version__}:\n\n{table.report(costs)}"
    print(text)
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1))
    if options.write_readme:
        replace_part(README, "cost" if device.type == "cpu" else "cost-accelerator", text)
    return 0


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{torch.get_num_threads()} threads" if device.type == "cpu" else device.type


def _known(name: str) -> str:
    if name not in CASES:
        raise argparse.ArgumentTypeError(f"{name!r} is none of {', '.join(CASES)}")
    return name
