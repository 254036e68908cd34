"""``python -m benchmarks steering-cost``: time training steps of plain and of steered models."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.cost.observation.cases import BATCH, CASES
from benchmarks.cost.observation.command import _known, _machine
from benchmarks.generated import replace_part

README = Path(__file__).parents[1] / "README.md"

SAMPLES = {"resnet18": BATCH, "decoder": 8}
"""The models that are trained by default, with the samples in a batch."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("models", nargs="*", type=_known, help=f"of {', '.join(CASES)}; two if left out")
    parser.add_argument("--repeat", type=int, default=7, help="timings of each figure; the median counts")
    parser.add_argument("--device", default="cpu", help="where the models are: cpu, cuda, ...")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Time the models.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    from benchmarks.cost.steering import table
    from benchmarks.cost.steering.measurement import measure, memory_pace
    from benchmarks.cost.steering.ways import OPTIMIZERS, WAYS

    device = torch.device(options.device)
    pace, results = memory_pace(options.repeat, device), []
    for name in options.models or SAMPLES:
        for optimizer in OPTIMIZERS:
            samples = SAMPLES.get(name, BATCH)
            found = measure(CASES[name], samples, optimizer, list(WAYS), options.repeat, device)
            results += found
            print(table.steps(found), flush=True)
    text = f"{_machine(device)}, torch {torch.__version__}:\n\n{table.report(results, pace)}"
    print(text)
    if options.write_readme:
        replace_part(README, f"steering-{device.type}", text)
    return 0
