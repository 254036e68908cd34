"""``python -m benchmarks zoo``: examine all models, print and write down what was found."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.cost.zoo import table
from benchmarks.cost.zoo.examination import Examination
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
    parser.add_argument(
        "--json",
        type=Path,
        help="where everything that was found is kept: models that are in it and not named stay in it",
    )
    parser.add_argument(
        "--write-readme",
        action="store_true",
        help=f"put the tables into {README.name}: each library has its own",
    )


def run(options: argparse.Namespace) -> int:
    """Examine the models.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0, or 1 if a symmetry is false.
    """
    examined: list[Examination] = []
    known = _kept(options.json) if options.models else []
    for library in options.library or list(MODULES):
        started = time.perf_counter()
        found = []
        for one in visit([library], options.models, options.jobs):
            print(table.row(one), flush=True)
            found.append(one)
        if not found:
            continue
        minutes = (time.perf_counter() - started) / 60
        latest = len(found)
        found = _updated([one for one in known if one.library == library], found)
        which = f"{len(found)} models" + (f", {latest} of them" if latest < len(found) else "")
        took = f"{which} in {minutes:.0f} minutes, {options.jobs} at a time."
        print(took, table.summary(found), table.gaps(found), sep="\n\n", flush=True)
        if options.write_readme:
            replace_part(README, library, f"{took}\n\n{table.report(found)}")
        examined += found
        if options.json:
            kept = _updated(known, examined)
            options.json.write_text(json.dumps([asdict(one) for one in kept], indent=1))
    return 1 if table.false(examined) else 0


def _kept(path: Path | None) -> list[Examination]:
    """What an earlier run has found."""
    if path is None or not path.exists():
        return []
    return [Examination(**one) for one in json.loads(path.read_text())]


def _updated(known: list[Examination], found: list[Examination]) -> list[Examination]:
    """What is known, in the same order, with what was found now in its place."""
    new = {(one.library, one.name): one for one in found}
    return [*(new.pop((one.library, one.name), one) for one in known), *new.values()]
