"""``python -m benchmarks kill-resume``: a training that is killed again and again ends as if it never was."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmarks.generated import replace_part
from benchmarks.reliability.journal import news, read
from benchmarks.reliability.killing import FILE, finish, interrupt, kill
from benchmarks.reliability.life import ACCUMULATED, Plan
from benchmarks.reliability.signs import ACCUMULATION, DOINGS

README = Path(__file__).parent / "README.md"

STEPS_A_LIFE = 8
"""Steps that a life has on average, at least: it must come as far as what its kill is aimed at."""


@dataclass(frozen=True)
class Comparison:
    """How far one training ended from another.

    Attributes:
        weights: Largest difference of a weight.
        compared: Numbers that both have logged for the same step and key; of several, the last counts.
        different: Those that differ.
        missing: Numbers that only one has logged, unless the Trainer has merely repeated them from an earlier
            step, which it does until the end of an epoch or of a process.
        lost: Such numbers of the step at whose end the checkpoint of a resumed life was written: the Trainer
            hands them to loggers only then, and a kill came in between.
    """

    weights: float
    compared: int
    different: int
    missing: int
    lost: int

    @property
    def is_exact(self) -> bool:
        """Whether nothing differs, bit for bit, that callbacks could keep."""
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

    Raises:
        ValueError: If there are more kills than the steps have room for.
    """
    if not 1 <= options.kills <= options.steps // STEPS_A_LIFE:
        raise ValueError(
            f"`kills` must be from 1 to a kill in {STEPS_A_LIFE} of the {options.steps} steps, found "
            f"{options.kills}"
        )
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        whole, killed, plain, between = (
            Plan(_made(Path(folder) / name), options.steps)
            for name in ("whole", "killed", "plain", "between")
        )
        finish(whole)
        hit = kill(killed, options.kills, options.seed)
        finish(killed)
        finish(replace(plain, removing=False))
        between = replace(between, every=5, after=1)
        interrupt(between, 5 * ACCUMULATED + 3, ACCUMULATION)
        finish(between)
        exact = compare(whole, killed)
        rows = {
            f"killed {options.kills} times": exact,
            "killed once, resumed in the middle of an accumulation": compare(whole, between),
            "never killed, no symmetries removed": compare(whole, plain),
        }
        text = (
            f"{options.steps} steps of {ACCUMULATED} batches, killed {options.kills} times (seed "
            f"{options.seed}); {time.perf_counter() - started:.0f} s, torch {torch.__version__}:\n\n"
            f"{places(hit)}\n\n{table(rows)}"
        )
    print(text)
    if options.write_readme:
        replace_part(README, "kill-resume", text)
    return int(not exact.is_exact)


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
    common, missing = rows.keys() & again.keys(), news(rows) ^ news(again)
    lost = {place for place in missing if place[0] + 1 in _taken_up(other)}
    return Comparison(
        max(float((first[name] - second[name]).abs().max()) for name in first),
        len(common),
        sum(rows[place][-1] != again[place][-1] for place in common),
        len(missing - lost),
        len(lost),
    )


def table(comparisons: dict[str, Comparison]) -> str:
    """Write all as a Markdown table."""
    rows = [
        "| | largest difference of a weight | logged numbers compared | different | missing | lost |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in comparisons.items():
        rows.append(
            f"| {name} | {one.weights:.2g} | {one.compared:,} | {one.different:,} | "
            f"{one.missing:,} | {one.lost:,} |"
        )
    return "\n".join(rows)


def places(hit: Counter[str]) -> str:
    """Write as a Markdown table what kills have hit.

    Args:
        hit: How often what.

    Returns:
        The table.
    """
    rows = ["| killed in the middle of | times |", "|---|---|"]
    return "\n".join([*rows, *(f"| {name} | {hit[name]} |" for name in (*DOINGS, FILE))])


def _taken_up(plan: Plan) -> set[int]:
    return (
        set(map(int, plan.taken_up.read_text(encoding="ascii").split())) if plan.taken_up.exists() else set()
    )


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
