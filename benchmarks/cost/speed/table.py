"""The timings as Markdown: ratios by library, and the models that have a target."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from benchmarks.cost.speed.timing import Timing
from benchmarks.cost.speed.tools import OURS, TOOLS

NAMED = {"resnet50": 1.0, "vit_b_16": 1.0, "Llama 7B on meta": 10.0}
"""Seconds within which discovery is to be done."""


def ratios(timings: Sequence[Timing]) -> str:
    """Write, by library and tool, the median times on the models that both can trace, and their ratio."""
    head = (
        "| library | tool | models that it traces | its median | ours on these | its time / ours, median "
        "| ours faster |\n|---|---|---|---|---|---|---|"
    )
    libraries = [*dict.fromkeys(t.library for t in timings if t.library != "decoder")]
    lines = [_row(name, tool, timings) for name in (*libraries, "all") for tool in TOOLS if tool != OURS]
    return "\n".join([head, *lines])


def named(timings: Sequence[Timing]) -> str:
    """Write the times for the models that have a target."""
    head = "| model | ours | memory | " + " | ".join(tool for tool in TOOLS if tool != OURS) + " | target |\n"
    lines = []
    for model, target in NAMED.items():
        times = {t.tool: t for t in timings if t.model == model}
        cells = [_seconds(times.get(tool)) for tool in TOOLS]
        memory = f"{times[OURS].memory / 2**20:.0f} MiB" if OURS in times else ""
        lines.append(f"| {model} | {' | '.join([cells[0], memory, *cells[1:]])} | {target:g} s |")
    return head + "\n".join(["|" + "---|" * (3 + len(TOOLS)), *lines])


def _row(library: str, tool: str, timings: Sequence[Timing]) -> str:
    chosen = [t for t in timings if library in (t.library, "all") and not math.isnan(t.seconds)]
    ours = {(t.library, t.model): t.seconds for t in chosen if t.tool == OURS}
    theirs = {(t.library, t.model): t.seconds for t in chosen if t.tool == tool}
    both = [(theirs[model], ours[model]) for model in theirs if model in ours]
    if not both:
        return f"| {library} | {tool} | 0 of {len(ours)} | | | | |"
    pace = [their / our for their, our in both]
    cells = [
        f"{len(theirs)} of {len({(t.library, t.model) for t in timings if library in (t.library, 'all')})}",
        f"{median(their for their, _ in both):.2f} s",
        f"{median(our for _, our in both):.2f} s",
        f"{median(pace):.2f}",
        f"{sum(ratio > 1 for ratio in pace)} of {len(pace)}",
    ]
    return f"| {library} | {tool} | {' | '.join(cells)} |"


def _seconds(timing: Timing | None) -> str:
    if timing is None:
        return ""
    return timing.trouble or f"{timing.seconds:.2f} s"
