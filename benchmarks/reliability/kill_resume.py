"""``python -m benchmarks kill-resume``: a training that is killed again and again ends as if it never was."""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import signal
import tempfile
import time
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import torch

from benchmarks.generated import replace_part
from benchmarks.reliability.journal import news, read
from benchmarks.reliability.life import ACCUMULATED, Plan, live

README = Path(__file__).parent / "README.md"

CONTEXT = multiprocessing.get_context("forkserver")
"""Processes fork from one that has imported what takes long and done nothing else."""

PATIENCE = 120.0
"""Seconds that a life may go without a sign."""


@dataclass(frozen=True)
class Comparison:
    """How far one training ended from another.

    Attributes:
        weights: Largest difference of a weight.
        compared: Numbers that both have logged for the same step and key; of several, the last counts.
        different: Those that differ.
        missing: Numbers that only one has logged, unless the Trainer has merely repeated them from an earlier
            step, which it does until the end of an epoch or of a process.
    """

    weights: float
    compared: int
    different: int
    missing: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing differs, bit for bit."""
        return not (self.weights or self.missing or self.different)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--kills", type=int, default=20, help="how often the training is killed")
    parser.add_argument("--steps", type=int, default=240, help="its optimizer steps")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments at which it is killed")
    parser.add_argument("--write-readme", action="store_true", help=f"put the table into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Train without interruption and with many, and compare.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0 if both end alike, 1 otherwise.
    """
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        whole, killed, plain, between = (
            Plan(_made(Path(folder) / name), options.steps)
            for name in ("whole", "killed", "plain", "between")
        )
        finish(whole)
        unfinished = kill(killed, options.kills, options.seed)
        finish(killed)
        finish(replace(plain, removing=False))
        between = replace(between, every=5, after=1)
        interrupt(between, 5 * ACCUMULATED + 3)
        finish(between)
        exact = compare(whole, killed)
        rows = {
            f"killed {options.kills} times": exact,
            "killed once, resumed in the middle of an accumulation": compare(whole, between),
            "never killed, no symmetries removed": compare(whole, plain),
        }
        text = (
            f"{options.steps} steps of {ACCUMULATED} batches, killed {options.kills} times (seed "
            f"{options.seed}), {unfinished} times while a checkpoint was being written; "
            f"{time.perf_counter() - started:.0f} s, torch {torch.__version__}:\n\n{table(rows)}"
        )
    print(text)
    if options.write_readme:
        replace_part(README, "kill-resume", text)
    return int(not exact.is_exact)


def finish(plan: Plan) -> None:
    """Let a training live to its end.

    Args:
        plan: Which one.

    Raises:
        RuntimeError: If it does not come to it.
    """
    process, pulse = _begin(plan)
    while _beats(pulse):
        pass
    process.join()
    if not plan.weights.exists():
        raise RuntimeError(f"the training ended with exit code {process.exitcode} and left no weights")


def kill(plan: Plan, times: int, seed: int) -> int:
    """Kill a training at random moments, wherever it is.

    Args:
        plan: Which one.
        times: How often.
        seed: Of the moments.

    Returns:
        How often a checkpoint was being written.
    """
    moments, unfinished = random.Random(seed), 0
    for _ in range(times):
        batches = moments.randint(1, max(1, plan.steps * ACCUMULATED // times))
        interrupt(plan, batches, moments.random())
        unfinished += plan.unfinished.exists()
        plan.unfinished.unlink(missing_ok=True)
    return unfinished


def interrupt(plan: Plan, batches: int, part: float = 0.0) -> None:
    """Kill a training when it has begun so many batches.

    Args:
        plan: Which one.
        batches: How many.
        part: How far into the last one, by the time that the one before took.

    Raises:
        RuntimeError: If it ends before.
    """
    process, pulse = _begin(plan)
    times = [0.0]
    for _ in range(batches):
        if not _beats(pulse):
            process.join()
            raise RuntimeError(f"the training ended with exit code {process.exitcode} before it was killed")
        times.append(time.perf_counter())
    time.sleep(part * (times[-1] - times[-2]) if batches > 1 else 0.0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()


def compare(one: Plan, other: Plan) -> Comparison:
    """Compare what two trainings have left.

    Args:
        one: Never killed.
        other: Any.

    Returns:
        How far they are apart.
    """
    first, second = (torch.load(plan.weights, weights_only=True) for plan in (one, other))
    rows, again = read(one.journal), read(other.journal)
    common = rows.keys() & again.keys()
    return Comparison(
        max(float((first[name] - second[name]).abs().max()) for name in first),
        len(common),
        sum(rows[place][-1] != again[place][-1] for place in common),
        len(news(rows) ^ news(again)),
    )


def table(comparisons: dict[str, Comparison]) -> str:
    """Write all as a Markdown table."""
    rows = [
        "| | largest difference of a weight | logged numbers compared | different | missing |",
        "|---|---|---|---|---|",
    ]
    for name, one in comparisons.items():
        rows.append(
            f"| {name} | {one.weights:.2g} | {one.compared:,} | {one.different:,} | {one.missing:,} |"
        )
    return "\n".join(rows)


def _begin(plan: Plan) -> tuple[ForkServerProcess, Connection]:
    CONTEXT.set_forkserver_preload(["benchmarks.reliability.life"])
    pulse, sender = CONTEXT.Pipe(duplex=False)
    process = CONTEXT.Process(target=live, args=(plan, sender), daemon=True)
    process.start()
    sender.close()
    return process, pulse


def _beats(pulse: Connection) -> bool:
    if not pulse.poll(PATIENCE):
        raise RuntimeError(f"the training gave no sign for {PATIENCE:.0f} s")
    try:
        pulse.recv_bytes()
    except EOFError:
        return False
    return True


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
