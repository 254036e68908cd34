"""The examinations as Markdown: one table by kind of model, one by model, and what is not understood."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from statistics import median

from benchmarks.cost.zoo.examination import Examination
from lightning_symmetry.discovery.verify import TOGETHER

TOLERANCE = 1e-8
"""Relative change of the outputs from which a symmetry counts as false."""

MIB = 2**20


def summary(examined: Sequence[Examination]) -> str:
    """Write one row for each kind of model, one for all, and what falls short below."""
    head = (
        "| library | kind | models | traced | symmetries | find, median | find, longest | memory, most "
        "| verified | largest error |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    kinds = dict.fromkeys((e.library, e.kind) for e in examined)
    rows = [_row(*kind, [e for e in examined if (e.library, e.kind) == kind]) for kind in kinds]
    return "\n".join([head, *rows, _row("all", "", examined), "", *_shortfalls(examined)])


def report(examined: Sequence[Examination]) -> str:
    """Write all that was found about the models of a library."""
    parts = {
        "Operations that pin what depends on parameters, by the number of models where they do": gaps,
        "Model by model": models,
    }
    hidden = [
        f"<details><summary>{title}</summary>\n\n{part(examined)}\n\n</details>"
        for title, part in parts.items()
    ]
    return "\n\n".join([summary(examined), *hidden])


def models(examined: Iterable[Examination]) -> str:
    """Write one row for each model."""
    head = (
        "| model | parameters | symmetries | find | memory | error of all at once | largest error alone |\n"
        "|---|---|---|---|---|---|---|"
    )
    return "\n".join([head, *map(row, examined)])


def row(e: Examination) -> str:
    """Write the row of a model."""
    alone = {name: error for name, error in e.errors.items() if name != TOGETHER}
    total = sum(e.groups.values())
    groups = ", ".join(f"{count} {group.replace('_', ' ')}" for group, count in e.groups.items())
    if e.reached in ("traced", "verified"):
        cells = [groups or "none", f"{e.seconds:.2f} s", f"{e.memory / MIB:.0f} MiB"]
        cells += [_worst(e.errors[name] for name in (TOGETHER,) if name in e.errors)]
        cells += [f"{_worst(alone.values())} ({len(alone)} of {total})" if alone else ""]
        cells[-1] += f" {e.trouble}" if e.trouble else ""
    else:
        cells = [e.trouble, "", "", "", ""]
    return f"| {e.library} {e.name} | {e.parameters:,} | {' | '.join(cells)} |"


def gaps(examined: Iterable[Examination]) -> str:
    """List what pinned something that depends on parameters, by the number of models where it did."""
    found = Counter(reason for e in examined for reason in e.gaps)
    return "\n".join(f"- {reason}: {count}" for reason, count in found.most_common())


def traced(examined: Iterable[Examination]) -> list[Examination]:
    """Select the models whose symmetries were found."""
    return [e for e in examined if e.reached in ("traced", "verified")]


def false(examined: Iterable[Examination]) -> dict[str, float]:
    """Select the errors that are too large, or no numbers, by the names of model and symmetry."""
    return {
        f"{e.name}: {name}": error
        for e in examined
        for name, error in e.errors.items()
        if not error < TOLERANCE
    }


def _row(library: str, kind: str, examined: Sequence[Examination]) -> str:
    there = [e for e in examined if e.reached]
    found = traced(there)
    real = sum(e.tensors == "real" for e in found)
    seconds, memory = [e.seconds for e in found], [e.memory / MIB for e in found]
    errors = [error for e in found for error in e.errors.values()]
    cells = [
        library,
        kind,
        str(len(there)),
        str(len(found)) + (f" ({real} on real tensors)" if real else ""),
        str(sum(sum(e.groups.values()) for e in found)),
        f"{median(seconds):.2f} s" if seconds else "",
        f"{max(seconds):.2f} s" if seconds else "",
        f"{max(memory):.0f} MiB" if memory else "",
        str(sum(bool(e.errors) for e in found)),
        _worst(errors),
    ]
    return f"| {' | '.join(cells)} |"


def _shortfalls(examined: Sequence[Examination]) -> list[str]:
    there = [e for e in examined if e.reached]
    found = traced(there)
    lines = [f"{len(found)} of {len(there)} models traced ({len(found) / max(len(there), 1):.1%})."]
    for title, some in (
        ("Not built", [e for e in examined if not e.reached]),
        ("Not traced", [e for e in there if e not in found]),
        ("Not verified", [e for e in found if e.trouble]),
    ):
        lines += [f"- {title}: {e.library} {e.name}: {e.trouble}" for e in some]
    lines += [f"- False: {name}, {error:.1e}" for name, error in false(examined).items()]
    return lines


def _worst(errors: Iterable[float]) -> str:
    """The largest error; one that is no number counts as larger than all."""
    known = list(errors)
    if not known:
        return ""
    return "not finite" if any(map(math.isnan, known)) else f"{max(known):.0e}"
