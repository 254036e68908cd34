"""One HTML file that shows what happened to the symmetries of a model in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lightning_symmetry.discovery import Symmetries
from lightning_symmetry.functional._check import check
from lightning_symmetry.report.aggregate import Band, Spread, band, figure
from lightning_symmetry.report.plots import colour, curves_svg
from lightning_symmetry.report.quantities import quantity
from lightning_symmetry.report.run import Run, variants
from lightning_symmetry.report.stages import TOLERANCE, WINDOW, plateaus


@dataclass(frozen=True)
class Column:
    """A column of the summary table.

    Attributes:
        key: Which figure of the runs it shows.
        label: Its heading.
        percent: Whether to show a hundred times the figure, without a sign: the label should have one.
        digits: Digits after the point.
    """

    key: str
    label: str
    percent: bool = False
    digits: int = 1

    def text(self, spread: Spread) -> str:
        """Write a mean and its deviation; the mean alone for a single seed.

        Args:
            spread: What to write.

        Returns:
            A short text.

        Example:
            >>> Column("accuracy", "accuracy, %", percent=True).text(Spread(0.971, 0.004, 3))
            '97.1 ± 0.4'
        """
        if spread.mean != spread.mean:
            return "–"
        scale = 100 if self.percent else 1
        deviation = f" ± {spread.std * scale:.{self.digits}f}" if spread.count > 1 else ""
        return f"{spread.mean * scale:.{self.digits}f}{deviation}"


@dataclass(frozen=True)
class Report:
    """What a report shows. All texts are plain: they are escaped, not interpreted.

    Attributes:
        title: Heading.
        lead: A paragraph on what was done.
        runs: The runs, of any number of variants and seeds.
        columns: The summary table. The first column is also shown in large figures.
        curves: Keys of the curves to plot, in this order; one that no run has is left out.
        variants: A description by the name of a variant.
        loss: Key of the loss whose plateaus are marked under the curves.
        notes: Paragraphs after the summary, such as what a figure does not show.
        symmetries: What was found in the model.
        errors: Verification error by the name of a symmetry, as :meth:`Symmetries.errors` gives them.
        details: Settings and versions, by name.
    """

    title: str
    lead: str
    runs: Sequence[Run]
    columns: Sequence[Column]
    curves: Sequence[str]
    variants: Mapping[str, str] = field(default_factory=dict)
    loss: str = "train_loss"
    notes: Sequence[str] = ()
    symmetries: Symmetries | None = None
    errors: Mapping[str, float] = field(default_factory=dict)
    details: Mapping[str, str] = field(default_factory=dict)


def render(report: Report) -> str:
    """Write a report as HTML.

    Args:
        report: What to show.

    Returns:
        A page that needs no other file and no network.

    Raises:
        ValueError: If it is no report, or there are no runs or no columns.
    """
    check(isinstance(report, Report), "report", "be a Report", type(report).__name__)
    if not report.runs or not report.columns:
        raise ValueError(
            f"`report` must have runs and columns, found {len(report.runs)} and {len(report.columns)}"
        )
    environment = Environment(
        loader=PackageLoader("lightning_symmetry.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html").render(
        report=report,
        rows=_rows(report),
        plots=_plots(report),
        most_seeds=max(map(len, variants(report.runs).values())),
        window=WINDOW,
        tolerance=TOLERANCE,
    )


def write_report(report: Report, path: Path) -> None:
    """Write a report into a file.

    Args:
        report: What to show.
        path: The file, which is overwritten; its folder must exist.

    Raises:
        ValueError: As :func:`render` does; if ``path`` is no path.
    """
    check(isinstance(path, Path), "path", "be a pathlib.Path", path)
    path.write_text(render(report), encoding="utf-8")


def _rows(report: Report) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "colour": colour(index),
            "seeds": len(runs),
            "description": report.variants.get(name, ""),
            "cells": [column.text(figure(runs, column.key)) for column in report.columns],
        }
        for index, (name, runs) in enumerate(variants(report.runs).items())
    ]


def _plots(report: Report) -> list[dict[str, Any]]:
    grouped = variants(report.runs)
    losses = {name: band(runs, report.loss) for name, runs in grouped.items()}
    still = {name: plateaus(loss.steps, loss.means) for name, loss in losses.items() if loss.steps}
    plots = []
    for number, key in enumerate(report.curves):
        bands: dict[str, Band] = {name: band(runs, key) for name, runs in grouped.items()}
        if any(curve.steps for curve in bands.values()):
            # The figure holds numbers alone: no text from outside gets into it unescaped.
            jumps = {name: _jumps(runs, key) for name, runs in grouped.items()}
            svg = Markup(curves_svg(bands, still, f"plot-{number}", key == report.loss, jumps))
            plots.append({"key": key, "quantity": quantity(key), "svg": svg, "jumps": any(jumps.values())})
    return plots


def _jumps(runs: Sequence[Run], key: str) -> list[int]:
    return sorted({jump.step for run in runs for jump in run.transitions if jump.key == key})
