"""``python -m benchmarks zoo``: examine all models, print and write down what was found."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.cost.zoo import table
from benchmarks.cost.zoo.libraries import MODULES
from benchmarks.cost.zoo.visit import visit
from benchmarks.generated import replace_part

README = Path(__file__).with_name("README.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("models", nargs="*", help="names of models; all of the libraries if left out")
    parser.add_argument(
        "--library", action="append", choices=list(MODULES), help="one library; may be repeated"
    )
    parser.add_argument("--jobs", type=int, default=1, help="how many models are examined at a time")
    parser.add_argument("--json", type=Path, help="where to write everything that was found")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Examine the models.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0, or 1 if a symmetry is false.
    """
    started = time.perf_counter()
    examined = []
    for one in visit(options.library or list(MODULES), options.models, options.jobs):
        print(table.row(one), flush=True)
        examined.append(one)
    took = f"{len(examined)} models in {(time.perf_counter() - started) / 60:.0f} minutes."
    parts = {
        "summary": table.summary(examined),
        "gaps": table.gaps(examined),
        "models": table.models(examined),
    }
    print(took, parts["summary"], parts["gaps"], sep="\n\n")
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in examined], indent=1))
    if options.write_readme:
        for name, text in parts.items():
            replace_part(README, name, f"{took}\n\n{text}" if name == "summary" else text)
    return 1 if table.false(examined) else 0
