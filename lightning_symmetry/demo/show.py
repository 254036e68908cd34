"""What the demo prints."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table

from lightning_symmetry.demo.outcome import Outcome
from lightning_symmetry.demo.page import COLUMNS, offset_note
from lightning_symmetry.report.aggregate import figure
from lightning_symmetry.report.run import variants


def show(outcome: Outcome, console: Console) -> None:
    """Print the figures of every variant and the symmetries of the network.

    Args:
        outcome: What the demo found.
        console: Where to print.
    """
    for table in (_symmetries(outcome), _figures(outcome)):
        console.print(table)
        console.print()
    start = figure(outcome.runs, "effective_rank_at_start").mean
    console.print(
        f"Before training the effective rank of the layer was {start:.1f}. {offset_note(outcome)}",
        style="dim",
    )


def _figures(outcome: Outcome) -> Table:
    count = len(outcome.settings.seeds)
    seeds = "1 seed" if count == 1 else f"{count} seeds"
    table = Table(
        title=f"after {outcome.settings.epochs} epochs, mean ± std over {seeds}",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("variant")
    grouped = variants(outcome.runs)
    for column in COLUMNS:
        cells = [column.text(figure(runs, column.key)) for runs in grouped.values()]
        # Headings may break over lines, figures may not.
        table.add_column(column.label, justify="right", min_width=max(map(len, cells)))
    for name, runs in grouped.items():
        table.add_row(name, *(column.text(figure(runs, column.key)) for column in COLUMNS))
    return table


def _symmetries(outcome: Outcome) -> Table:
    table = Table(
        title="symmetries of the network's loss", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False
    )
    for heading in ("name", "group", "size", "dimension", "error"):
        table.add_column(heading, justify="left" if heading in ("name", "group") else "right")
    for symmetry in outcome.symmetries:
        numbers = (str(symmetry.size), str(symmetry.dimension), f"{outcome.errors[symmetry.name]:.1e}")
        table.add_row(symmetry.name, symmetry.group, *numbers)
    return table
