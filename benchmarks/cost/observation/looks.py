"""What a look costs: beside a training step, beside what the peers do, and beside what the machine can do."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cost.machine import Machine
from benchmarks.cost.observation import table
from benchmarks.cost.observation.cases import BATCH, CASES
from benchmarks.cost.observation.measurement import measure
from benchmarks.cost.observation.peers import installed
from benchmarks.cost.section import Section


def section(machine: Machine, repeat: int, models: Sequence[str] | None) -> Section:
    """Time looks at models.

    Args:
        machine: Where.
        repeat: Timings of each figure.
        models: Names of cases; all that fit if left out.

    Returns:
        A cost of each model.
    """
    peers, costs = installed(), []
    for name in models or [name for name, case in CASES.items() if case.fits(machine.device)]:
        costs.append(measure(CASES[name], peers, repeat, machine.device))
        print(table.looks(costs[-1:]), flush=True)
    return Section("looks", f"Batch {BATCH}.\n\n{table.report(costs, machine)}", costs)
