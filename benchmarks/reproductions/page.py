"""The page of all results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path

from benchmarks.reproductions.catalogue import THEMES
from benchmarks.reproductions.record import Record

INTRODUCTION = """\
# Results of the papers, reproduced

`python -m benchmarks reproduce` makes this page: every training runs through the public API of the package,
in a real Trainer. A figure is a mean over seeds with its 95 % confidence interval (Student's t) beside what
was published, and the rule by which it is judged. *Reproduced* means that every figure of a result agrees,
*partly* that some do. What is not judged stands below as a control. Sizes are those of two CPU cores within
minutes, not those of the papers (`--full`)."""


def page(records: Mapping[str, Record], themes: Mapping[str, str], pictures: str) -> str:
    """Write the page.

    Args:
        records: What was found, by name.
        themes: Themes by name, in the order of the page.
        pictures: Where the pictures are, as seen from the page.

    Returns:
        Markdown.
    """
    shown = [(theme, records[name]) for name, theme in themes.items() if name in records]
    verdicts = Counter(record.outcome.verdict for _, record in shown)
    minutes = sum(record.seconds for _, record in shown) / 60
    parts = [
        INTRODUCTION,
        f"{len(shown)} results: "
        + ", ".join(f"{count} {verdict}" for verdict, count in verdicts.items())
        # each runs on one core, two at a time
        + f". Together they take {minutes:.0f} minutes of one core.",
        "\n".join(["| result | verdict | seeds | seconds |", "| --- | --- | --- | --- |", *map(_row, shown)]),
    ]
    parts.append(_missing([record for _, record in shown]))
    for theme, group in groupby(shown, key=lambda pair: pair[0]):
        parts += [f"## {THEMES[theme]}", *(_section(record, pictures) for _, record in group)]
    return "\n\n".join(filter(None, parts)) + "\n"


def _missing(records: Sequence[Record]) -> str:
    """List the figures that disagree with what was published."""
    lines = [
        f"- [{record.name}](#{record.name}): {figure.what}: {figure.ours}; {figure.published}"
        for record in records
        for figure in record.outcome.figures
        if not figure.holds
    ]
    said = "Reasons, as far as they are known, are in [reproductions](reproductions/README.md)."
    return "\n\n".join(["## What was not reproduced", said, "\n".join(lines)]) if lines else ""


def _row(shown: tuple[str, Record]) -> str:
    _, record = shown
    size = ", full size" if record.full else ""
    link = f"[{record.name}](#{record.name})"
    return f"| {link} | {record.outcome.verdict} | {record.seeds}{size} | {record.seconds:.0f} |"


def _section(record: Record, pictures: str) -> str:
    outcome = record.outcome
    rows = ["| measured | ours | published, and how it is judged | holds |", "| --- | --- | --- | --- |"]
    for figure in outcome.figures:
        holds = "yes" if figure.holds else "**no**"
        rows.append(f"| {figure.what} | {figure.ours} | {figure.published} | {holds} |")
    rows += [f"| {control.what} | {control.ours} | | |" for control in outcome.controls]
    parts = [
        f"### {record.name}",
        f"{record.claim} — {record.source}",
        f"**{outcome.verdict.capitalize()}** ({record.seeds} seeds, {record.seconds:.0f} s; "
        f"{record.machine})",
        "\n".join(rows),
    ]
    if outcome.remarks:
        parts.append(outcome.remarks.strip())
    if outcome.panels:
        parts.append(f"![{record.name}]({Path(pictures, record.name).as_posix()}.png)")
    return "\n\n".join(parts)
