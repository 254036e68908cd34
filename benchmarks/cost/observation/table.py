"""The costs as Markdown: looks beside a training step, beside the peers, and beside matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cost.observation.measurement import FIND, LOOK, READ, SKETCH, STEP, Cost
from benchmarks.cost.observation.peers import PEERS
from lightning_symmetry import SymmetryMonitor

INTERVAL = SymmetryMonitor().every_n_steps
"""Steps between two looks, by default."""


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
        f"overhead, every {INTERVAL} steps",
        "sketched look",
        "sketched / one read",
    )
    rows = []
    for cost in costs:
        seconds = _seconds(cost)
        ratio = seconds[LOOK] / seconds[STEP]
        sketch = seconds.get(SKETCH)
        rows.append(
            [
                cost.title,
                f"{cost.parameters:,}",
                *(_time(seconds[name]) for name in (STEP, FIND, LOOK)),
                f"{ratio:.2f}",
                f"{ratio / INTERVAL:.2%}",
                "" if sketch is None else _time(sketch),
                "" if sketch is None else f"{sketch / seconds[READ]:.1f}",
            ]
        )
    return _markdown(head, rows)


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
    """Write what an exact look asks for, and which share of the machine's matrix products it reaches."""
    head = (
        "model",
        "matrix products",
        "eigenvalues",
        "read and written",
        "of the parameters' size",
        "operations a second",
        "share of float32 matrix products",
    )
    rows = []
    for cost in costs:
        counts = cost.arithmetic
        pace = (counts.products + counts.eigenvalues) / cost.times[LOOK].seconds
        rows.append(
            [
                cost.title,
                f"{counts.products / 1e9:.3g} GFLOP",
                f"{counts.eigenvalues / 1e9:.3g} GFLOP",
                f"{counts.bytes / 1e9:.3g} GB",
                f"{counts.bytes / (4 * cost.parameters):.1f} ×",
                f"{pace / 1e9:.3g} GFLOP/s",
                f"{pace / cost.rate:.0%} of {cost.rate / 1e9:.3g} GFLOP/s",
            ]
        )
    return "\n\n".join([_markdown(head, rows), *_uncounted(costs)])


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
