"""The costs as Markdown: looks beside a training step, beside the peers, and beside matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cost.observation.measurement import FIND, LOOK, MONITOR, READ, SKETCH, STEP, Cost
from benchmarks.cost.observation.peers import PEERS
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.callbacks._budget import steps_between


def report(costs: Sequence[Cost]) -> str:
    """Write all tables."""
    return "\n\n".join([looks(costs), peers(costs), machine(costs)])


def looks(costs: Sequence[Cost]) -> str:
    """Write what looks cost beside a training step."""
    head = (
        "model",
        "parameters",
        "training step",
        "find (once)",
        "exact look",
        "look / step",
        "sketched look",
        "sketched / one read",
        "look of the monitor",
        "steps from look to look",
        "overhead",
    )
    rows = []
    for cost in costs:
        seconds = _seconds(cost)
        interval = _interval(seconds[STEP], seconds[MONITOR])
        rows.append(
            [
                cost.title,
                f"{cost.parameters:,}",
                *(_time(seconds[name]) for name in (STEP, FIND, LOOK)),
                f"{seconds[LOOK] / seconds[STEP]:.2f}",
                _time(seconds[SKETCH]),
                f"{seconds[SKETCH] / seconds[READ]:.1f}",
                _time(seconds[MONITOR]),
                str(interval),
                f"{seconds[MONITOR] / seconds[STEP] / interval:.2%}",
            ]
        )
    return _markdown(head, rows)


def _interval(step: float, look: float) -> int:
    """How many steps the monitor waits by default, given what a step and a look take."""
    monitor = SymmetryMonitor()
    return steps_between(monitor.max_overhead, monitor.every_n_steps, step, look)


def peers(costs: Sequence[Cost]) -> str:
    """Write what the peers take for the same model, and how many exact looks that is."""
    rows = []
    for cost in costs:
        seconds = _seconds(cost)
        theirs = [
            f"{_time(seconds[name])} ({seconds[name] / seconds[LOOK]:.1f} ×)" if name in seconds else ""
            for name in PEERS
        ]
        rows.append([cost.title, _time(seconds[LOOK]), *theirs])
    return _markdown(("model", "exact look", *PEERS), rows)


def machine(costs: Sequence[Cost]) -> str:
    """Write what an exact look asks for, and which share of its time the products alone would take."""
    head = (
        "model",
        "products, float32",
        "products, float64",
        "eigenvalues, float64",
        "read and written",
        "of the parameters' size",
        "operations a second",
        "at the pace of products",
        "share of the look",
    )
    rows = []
    for cost in costs:
        counts, seconds = cost.arithmetic, cost.times[LOOK].seconds
        least = cost.rates.least(counts)
        rows.append(
            [
                cost.title,
                *(f"{n / 1e9:.3g} GFLOP" for n in (counts.products, counts.precise, counts.eigenvalues)),
                f"{counts.bytes / 1e9:.3g} GB",
                f"{counts.bytes / (4 * cost.parameters):.1f} ×",
                f"{counts.operations / seconds / 1e9:.3g} GFLOP/s",
                _time(least),
                f"{least / seconds:.0%}",
            ]
        )
    rates = costs[0].rates
    pace = (
        f"Products of large matrices: {rates.single / 1e9:.3g} GFLOP/s in float32, "
        f"{rates.double / 1e9:.3g} GFLOP/s in float64."
    )
    return "\n\n".join([_markdown(head, rows), pace, *_uncounted(costs)])


def _uncounted(costs: Sequence[Cost]) -> list[str]:
    parts = [
        f"{name} of at most {rows} × {columns} ({cost.title})"
        for cost in costs
        for name, (rows, columns) in cost.arithmetic.uncounted.items()
    ]
    return [f"Not counted: {'; '.join(parts)}."] if parts else []


def _seconds(cost: Cost) -> dict[str, float]:
    return {name: timing.seconds for name, timing in cost.times.items()}


def _time(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1e3:.3g} ms"


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
