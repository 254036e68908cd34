"""Draws the plots of a reproduction."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.reproductions.outcome import Panel
from benchmarks.reproductions.record import Record


def draw(record: Record, folder: Path) -> None:
    """Draw all panels of a record side by side.

    Args:
        record: What was found.
        folder: Where the picture, ``<name>.png``, is put; nothing is without panels.
    """
    panels = record.outcome.panels
    if not panels:
        return
    figure = Figure(figsize=(4.2 * len(panels), 3.2), layout="constrained")
    for axes, panel in zip(figure.subplots(1, len(panels), squeeze=False)[0], panels, strict=True):
        _draw_panel(axes, panel)
    # Without the date and the version, equal data make equal files.
    figure.savefig(folder / f"{record.name}.png", dpi=90, metadata={"Software": None})


def _draw_panel(axes: Axes, panel: Panel) -> None:
    for line in panel.lines:
        style = {"marker": "o", "linestyle": "none"} if line.marks else {"marker": "", "linestyle": "-"}
        axes.plot(line.x, line.y, label=line.label, markersize=3, **style)
    axes.set(
        title=panel.title,
        xlabel=panel.x,
        ylabel=panel.y,
        xscale="log" if "x" in panel.log else "linear",
        yscale="log" if "y" in panel.log else "linear",
    )
    axes.title.set_fontsize(9)
    if any(line.label for line in panel.lines):
        axes.legend(fontsize=7, frameon=False)
