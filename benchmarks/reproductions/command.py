"""``python -m benchmarks reproduce``: the papers' results, measured with this package."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import traceback
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path
from time import perf_counter

import torch

from benchmarks.reproductions.catalogue import load, themes
from benchmarks.reproductions.drawing import draw
from benchmarks.reproductions.page import page
from benchmarks.reproductions.record import FOLDER, Record, machine, read

PAGE = Path(__file__).parents[1] / "RESULTS.md"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all by default: {', '.join(themes())}")
    parser.add_argument("--full", action="store_true", help="the sizes of the papers, for an accelerator")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="how many run at a time")
    parser.add_argument("--out", type=Path, default=None, help="folder for results and page, not their own")


def run(options: argparse.Namespace) -> int:
    """Run what is named and write the page of all that was ever run.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0; 1 if one of them failed, whose earlier result is kept.

    Raises:
        SystemExit: If a name is unknown.
    """
    unknown = sorted(set(options.names) - set(themes()))
    if unknown:
        raise SystemExit(f"`NAME` must be one of {', '.join(themes())}, found {', '.join(unknown)}")
    folder = FOLDER if options.out is None else options.out / FOLDER.name
    folder.mkdir(parents=True, exist_ok=True)
    failures = 0
    # A process each: torch's threads and Lightning's state of one do not reach another.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(options.jobs, mp_context=context, max_tasks_per_child=1) as pool:
        runs: dict[Future[Record], str] = {
            pool.submit(reproduced, name, options.full): name for name in options.names or themes()
        }
        for done in as_completed(runs):
            try:
                record = done.result()
            except Exception:
                failures += 1
                print(f"{runs[done]}: failed\n{traceback.format_exc()}", flush=True)
                continue
            record.save(folder)
            draw(record, folder)
            print(f"{record.name}: {record.outcome.verdict} ({record.seconds:.0f} s)", flush=True)
            for figure in record.outcome.figures:
                mark = "+" if figure.holds else "-"
                print(f"  {mark} {figure.what}: {figure.ours}; {figure.published}", flush=True)
    records = {path.stem: read(path) for path in folder.glob("*.json")}
    target = PAGE if options.out is None else options.out / PAGE.name
    pictures = os.path.relpath(folder, target.parent)
    target.write_text(page(records, themes(), pictures), encoding="utf-8")
    print(f"wrote {target}")
    return 1 if failures else 0


def reproduced(name: str, full: bool) -> Record:
    """Run one reproduction on one thread.

    Args:
        name: Its name.
        full: Whether at the size of the source.

    Returns:
        What was found.
    """
    torch.set_num_threads(1)
    reproduction = load(name)
    size = reproduction.size(full)
    began = perf_counter()
    outcome = reproduction.measure(size)
    seconds = perf_counter() - began
    return Record(
        name, reproduction.claim, reproduction.source, outcome, size.seeds, full, seconds, machine()
    )
