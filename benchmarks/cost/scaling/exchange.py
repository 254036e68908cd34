"""What processes exchange at a look at sharded weights, what memory it takes, and a plan of a large run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.cost.machine import Machine
from benchmarks.cost.scaling.formula import Plan, received
from benchmarks.cost.scaling.look import decoder, planned, wide_decoder
from benchmarks.cost.scaling.processes import counted
from benchmarks.cost.section import Section, markdown

PROCESSES = (1, 2, 4)


@dataclass(frozen=True)
class Exchange:
    """What one process of several exchanges at a look.

    Attributes:
        exact: Whether nothing is sketched.
        processes: How many there are.
        gathers: How often a parameter is put together.
        expected: Bytes that it receives, by the formula.
        received: Bytes that were counted.
        agreements: Other operations.
        agreed: Their bytes.
    """

    exact: bool
    processes: int
    gathers: int
    expected: float
    received: int
    agreements: int
    agreed: int


@dataclass(frozen=True)
class Peak:
    """The most memory that one process of several takes beyond its shard, in units of the largest parameter.

    Attributes:
        processes: How many there are.
        weights: At a look at weights and charges.
        gradients: At a look at gradients.
    """

    processes: int
    weights: float
    gradients: float


def section(machine: Machine, repeat: int, models: Sequence[str] | None) -> Section:
    """Count, with gloo.

    Args:
        machine: Of no concern: what is exchanged is the same everywhere.
        repeat: Nor is this: nothing is timed.
        models: Nor are these: two decoders are looked at.

    Returns:
        What is exchanged, the memory, and the plan.

    Raises:
        ValueError: If a count differs from the formula.
    """
    params, symmetries = decoder()
    numbers = {name: parameter.numel() for name, parameter in params.items()}
    plans = {exact: planned(params, symmetries, exact) for exact in (False, True)}
    exchanges, peaks = [], []
    for processes in PROCESSES:
        counts, peak = counted(processes)
        peaks.append(Peak(processes, **peak))
        for exact, reads in plans.items():
            calls, exchanged = counts[exact]
            expected = received(numbers, reads, processes, size=4)
            found = (exchanged["all_gather"], calls["all_reduce"], exchanged["all_reduce"])
            exchanges.append(Exchange(exact, processes, reads.total(), expected, *found))
    for one in exchanges:
        if one.expected != one.received:
            raise ValueError(f"`received` must be what the formula says, found {one}")
    plan = replace(Plan(), reads=average_reads())
    tables = [exchange_table(exchanges), peak_table(peaks), plan_of(plan)]
    return Section("sharding", "\n\n".join(tables), [*exchanges, *peaks, plan])


def exchange_table(exchanges: Sequence[Exchange]) -> str:
    """Write what is exchanged."""
    head = (
        "look",
        "processes",
        "gathers",
        "bytes by the formula",
        "bytes counted",
        "agreements and sums",
        "bytes",
    )
    rows = [
        [
            "exact" if one.exact else "sketched",
            str(one.processes),
            str(one.gathers),
            f"{one.expected:,.0f}",
            f"{one.received:,}",
            str(one.agreements),
            f"{one.agreed:,}",
        ]
        for one in exchanges
    ]
    return markdown(head, rows)


def peak_table(peaks: Sequence[Peak]) -> str:
    """Write what memory looks take."""
    rows = [[str(one.processes), f"{one.weights:.2f}", f"{one.gradients:.2f}"] for one in peaks]
    return markdown(("processes", "a look at weights and charges", "a look at gradients"), rows)


def plan_of(plan: Plan) -> str:
    """Write a plan down.

    Args:
        plan: Any.

    Returns:
        A table.
    """
    shard, added = plan.memory
    rows = {
        "reads of an average parameter": f"{plan.reads:.2f}",
        "received by a process at a look": f"{plan.bytes / 1e12:.2f} TB",
        "a training step": f"{plan.step:.1f} s",
        "a look": f"{plan.seconds:.0f} s",
        "steps from look to look, for 1 %": f"{plan.interval:.0f}",
        "shard of a process": f"{shard / 1e9:.2f} GB",
        "added to it at most": f"{added / 1e9:.2f} GB",
    }
    head = (f"{plan.parameters:.0e} parameters, {plan.processes} processes", "")
    return markdown(head, list(rows.items()))


def average_reads() -> float:
    """Count how often an average weight of a wide decoder is put together, with its gradient."""
    params, symmetries = wide_decoder()
    numbers = {name: parameter.numel() for name, parameter in params.items()}
    reads = planned(params, symmetries, exact=False)
    return sum(reads[name] * numbers[name] for name in numbers) / sum(numbers.values())
