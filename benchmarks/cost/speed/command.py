"""``python -m benchmarks discovery-speed``: race the tools over the zoo."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.cost.speed import table
from benchmarks.cost.speed.timing import Timing, timed
from benchmarks.cost.speed.tools import OURS, TOOLS
from benchmarks.cost.zoo.isolation import CONTEXT, isolated
from benchmarks.cost.zoo.libraries import MODULES, listing
from benchmarks.generated import replace_part

README = Path(__file__).parents[1] / "README.md"

DECODER = "Llama 7B on meta"
"""The name of the model that belongs to no library."""

SECONDS = 30.0
"""For one tool on one model, building the model included."""

MEMORY = 12 * 2**30
"""Bytes of data of one process."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("models", nargs="*", help="names of models; all of the libraries if left out")
    parser.add_argument(
        "--library", action="append", choices=list(MODULES), help="one library; may be repeated"
    )
    parser.add_argument("--every", type=int, default=1, help="take every n-th model of each library only")
    parser.add_argument("--repeat", type=int, default=3, help="calls of which the median counts")
    parser.add_argument("--json", type=Path, help="where to write all times")
    parser.add_argument("--write-readme", action="store_true", help=f"put the tables into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Race the tools.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    CONTEXT.set_forkserver_preload([*MODULES.values(), "benchmarks.cost.speed.timing"])
    timings = []
    for one in _entries(options.library or list(MODULES), options.models, options.every):
        for message in isolated(timed, one, options.repeat, seconds=SECONDS, memory=MEMORY):
            one = replace(one, trouble=message) if isinstance(message, str) else message
        timings.append(one)
        print(f"{one.library} {one.model} {one.tool}: {one.trouble or f'{one.seconds:.3f} s'}", flush=True)
    text = f"{table.named(timings)}\n\n{table.ratios(timings)}"
    print(text)
    if options.json:
        options.json.write_text(json.dumps([asdict(one) for one in timings], indent=1))
    if options.write_readme:
        replace_part(README, "discovery-speed", text)
    return 0


def _entries(libraries: list[str], only: list[str], every: int) -> Iterator[Timing]:
    """Every tool on every model; which one begins changes from model to model."""
    tools = list(TOOLS)
    for library in libraries:
        all_models = [model for models in listing(library).values() for model in models]
        for place, model in enumerate(all_models):
            # models with a target are never left out
            chosen = place % every == 0 or model in table.NAMED
            if model in only if only else chosen:
                yield from (Timing(library, model, tool) for tool in tools)
                tools.append(tools.pop(0))
    if not only or DECODER in only:
        yield Timing("decoder", DECODER, OURS)
