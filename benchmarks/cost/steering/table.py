"""The costs of steering as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cost.observation.timing import duration
from benchmarks.cost.section import markdown
from benchmarks.cost.steering.measurement import Steered
from benchmarks.cost.steering.ways import PLAIN, REMOVING

TARGET = 0.02
"""Share of a plain step that removing symmetries in the optimizer is to add at most."""


def report(results: Sequence[Steered], pace: float) -> str:
    """Write all tables."""
    return "\n\n".join([steps(results), memory(results, pace)])


def steps(results: Sequence[Steered]) -> str:
    """Write what a step takes in each way, beside the plain one of the same model and optimizer."""
    head = (
        "model",
        "optimizer",
        "way",
        "step",
        "/ plain",
        "update by itself",
        "update − plain one, of a plain step",
        "kept",
        "most at once",
    )
    rows = []
    for result in results:
        base = _plain(results, result)
        more = (result.update.seconds - base.update.seconds) / base.step.seconds
        rows.append(
            [
                result.model,
                result.optimizer,
                result.way,
                str(result.step),
                f"{result.step.seconds / base.step.seconds:.3f}",
                str(result.update),
                "" if result is base else f"{more:+.2%}",
                *(f"{size / 2**20:.3g} MiB" for size in (result.kept, result.most)),
            ]
        )
    return markdown(head, rows)


def memory(results: Sequence[Steered], pace: float) -> str:
    """Write what removing moves more than the plain step, and how long memory alone would take for it."""
    head = (
        "model",
        "optimizer",
        "way",
        "a plain step moves",
        "more than that",
        "at the pace of memory",
        "of a plain step",
    )
    rows = []
    for result in results:
        if result.way in REMOVING:
            base = _plain(results, result)
            more = result.moved - base.moved
            rows.append(
                [
                    result.model,
                    result.optimizer,
                    result.way,
                    f"{base.moved / 1e9:.3g} GB",
                    f"{more / 1e9:.3g} GB",
                    duration(more / pace),
                    f"{more / pace / base.step.seconds:.2%}",
                ]
            )
    return markdown(head, rows)


def _plain(results: Sequence[Steered], beside: Steered) -> Steered:
    return next(
        r for r in results if (r.model, r.optimizer, r.way) == (beside.model, beside.optimizer, PLAIN)
    )
