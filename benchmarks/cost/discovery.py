"""What finding coupled coordinates costs, beside the peers that find permutations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec

import torch

from benchmarks.cost.machine import Machine
from benchmarks.cost.observation.cases import CASES, Case
from benchmarks.cost.observation.timing import CPU, Timing, alternate
from benchmarks.cost.section import Section, markdown
from benchmarks.cost.speed.tools import OURS, RUNS, TOOLS
from benchmarks.cost.zoo.specimen import Specimen

MODULES = {OURS: "lightning_symmetry", "torch-pruning": "torch_pruning", "rebasin": "rebasin"}
"""What must be installed for a tool."""

MODELS = ("demo", "mlp", "resnet18", "vit")
"""Not the decoder: rebasin does not come to an end there, and torch-pruning fails."""


@dataclass(frozen=True)
class Found:
    """What one tool took for one model.

    Attributes:
        title: Which model.
        tool: Its name.
        time: Of one search, unless it failed.
        trouble: Why it failed.
    """

    title: str
    tool: str
    time: Timing | None = None
    trouble: str = ""


def section(machine: Machine, repeat: int, models: Sequence[str] | None) -> Section:
    """Let the tools that are installed take turns on each model.

    Args:
        machine: Where.
        repeat: Timings of each figure.
        models: Names of cases; those that all tools can read if left out.

    Returns:
        What each tool takes.
    """
    tools = [name for name, module in MODULES.items() if find_spec(module)]
    for name in MODULES.keys() - tools:
        print(f"{name}: left out, {MODULES[name]} is not installed (it is in the extra `peers`)")
    found = []
    for name in models or MODELS:
        found += race(CASES[name], tools, repeat, machine.device)
    return Section("discovery", table(found, tools), found)


def race(case: Case, tools: Sequence[str], repeat: int, device: torch.device = CPU) -> list[Found]:
    """Time the tools on one model.

    Args:
        case: Which model; it is handed two samples.
        tools: Names.
        repeat: Timings of each.
        device: Where it is.

    Returns:
        What each took.
    """
    torch.manual_seed(0)
    model, inputs = case.build().to(device).eval(), case.batch()[0][:2].to(device)
    actions: dict[str, Callable[[], object]] = {}
    found = []
    for tool in tools:
        search = partial(TOOLS[tool](), Specimen(model, (inputs,)))
        try:
            search()
        except Exception as error:  # a tool that cannot read a model is a result
            found.append(Found(case.title, tool, trouble=type(error).__name__))
        else:
            actions[tool] = search
    for tool, time in alternate(actions, repeat, device).items():
        runs = RUNS.get(tool, 1)
        found.append(Found(case.title, tool, Timing(time.seconds / runs, time.spread / runs, time.count)))
    return found


def table(found: Sequence[Found], tools: Sequence[str]) -> str:
    """Write the times of all tools, and how many of ours that is."""
    rows = []
    for title in dict.fromkeys(one.title for one in found):
        mine = {one.tool: one for one in found if one.title == title}
        rows.append([title, *(_cell(mine[tool], mine[OURS]) for tool in tools)])
    return markdown(("model", *tools), rows)


def _cell(one: Found, ours: Found) -> str:
    if one.time is None:
        return one.trouble
    if one is ours or ours.time is None:
        return str(one.time)
    return f"{one.time} ({one.time.seconds / ours.time.seconds:.2f} ×)"
