"""What steering costs: training steps of plain and of steered models."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.cost.machine import Machine
from benchmarks.cost.observation.cases import BATCH, CASES
from benchmarks.cost.section import Section
from benchmarks.cost.steering import table
from benchmarks.cost.steering.measurement import measure
from benchmarks.cost.steering.ways import OPTIMIZERS, WAYS

SAMPLES = {"resnet18": BATCH, "decoder": 8}
"""The models that are trained by default, with the samples in a batch."""


def section(machine: Machine, repeat: int, models: Sequence[str] | None) -> Section:
    """Time training steps.

    Args:
        machine: Where.
        repeat: Timings of each figure.
        models: Names of cases; two if left out.

    Returns:
        What each way to steer costs, by model and optimizer.
    """
    results = []
    for name in models or SAMPLES:
        for optimizer in OPTIMIZERS:
            samples = SAMPLES.get(name, BATCH)
            found = measure(CASES[name], samples, optimizer, list(WAYS), repeat, machine.device)
            results += found
            print(table.steps(found), flush=True)
    return Section("steering", table.report(results, machine.bandwidth), results)
