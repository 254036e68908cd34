"""The costs as Markdown: looks beside a training step, beside the peers, and beside matrix products."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cost.machine import Machine
from benchmarks.cost.observation.measurement import FIND, LOOK, MONITOR, READ, SKETCH, STEP, Cost
from benchmarks.cost.observation.peers import PEERS
from benchmarks.cost.observation.timing import duration
from benchmarks.cost.section import markdown
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.callbacks._budget import steps_between


def report(costs: Sequence[Cost], machine: Machine) -> str:
    """Write all tables."""
    return "\n\n".join([looks(costs), peers(costs), bounds(costs, machine)])


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
                *(str(cost.times[name]) for name in (STEP, FIND, LOOK)),
                f"{seconds[LOOK] / seconds[STEP]:.2f}",
                str(cost.times[SKETCH]),
                f"{seconds[SKETCH] / seconds[READ]:.1f}",
                str(cost.times[MONITOR]),
                str(interval),
                f"{seconds[MONITOR] / seconds[STEP] / interval:.2%}",
            ]
        )
    return markdown(head, rows)


def _interval(step: float, look: float) -> int:
    """How many steps the monitor waits by default, given what a step and a look take."""
    monitor = SymmetryMonitor()
    return steps_between(monitor.max_overhead, monitor.every_n_steps, step, look)


def peers(costs: Sequence[Cost]) -> str:
    """Write what the peers take for the same model, and how many looks that is, of either kind."""
    names = [name for name in PEERS if any(name in cost.times for cost in costs)]
    times, ratios = [], []
    for cost in costs:
        seconds = _seconds(cost)
        times.append([cost.title, *(str(cost.times.get(name, "")) for name in (LOOK, MONITOR, *names))])
        for unit, base in (("exact looks", LOOK), ("looks of the monitor", MONITOR)):
            theirs = (_ratio(seconds[name] / seconds[base]) if name in seconds else "" for name in names)
            ratios.append([cost.title, unit, *theirs])
    return "\n\n".join(
        [
            markdown(("model", "exact look", MONITOR, *names), times),
            markdown(("model", "counted in", *names), ratios),
        ]
    )


def _ratio(value: float) -> str:
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def bounds(costs: Sequence[Cost], machine: Machine) -> str:
    """Write what an exact look asks for, and how long its products, or its bytes, alone would take."""
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
        "at the pace of memory",
        "share of the look",
    )
    rows = []
    for cost in costs:
        counts, seconds = cost.arithmetic, cost.times[LOOK].seconds
        products, memory = machine.rates.least(counts), counts.bytes / machine.bandwidth
        rows.append(
            [
                cost.title,
                *(f"{n / 1e9:.3g} GFLOP" for n in (counts.products, counts.precise, counts.eigenvalues)),
                f"{counts.bytes / 1e9:.3g} GB",
                f"{counts.bytes / (4 * cost.parameters):.1f} ×",
                f"{counts.operations / seconds / 1e9:.3g} GFLOP/s",
                duration(products),
                f"{products / seconds:.0%}",
                duration(memory),
                f"{memory / seconds:.0%}",
            ]
        )
    return "\n\n".join([markdown(head, rows), *_uncounted(costs)])


def _uncounted(costs: Sequence[Cost]) -> list[str]:
    parts = [
        f"{name} of at most {rows} × {columns} ({cost.title})"
        for cost in costs
        for name, (rows, columns) in cost.arithmetic.uncounted.items()
    ]
    return [f"Not counted: {'; '.join(parts)}."] if parts else []


def _seconds(cost: Cost) -> dict[str, float]:
    return {name: timing.seconds for name, timing in cost.times.items()}
