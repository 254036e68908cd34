"""Reports on runs of training: curves in memory, spreads over seeds, plots, and one HTML file.

    >>> from lightning_symmetry.report import Column, Curve, Report, Run, render
    >>> runs = [Run("plain", seed, {"loss": Curve((0, 1), (2.0, 1.0))}, {"accuracy": 0.9}) for seed in (0, 1)]
    >>> columns = [Column("accuracy", "accuracy, %", percent=True)]
    >>> page = render(Report("Title", "Lead.", runs, columns, curves=["loss"]))
    >>> "90.0 ± 0.0" in page
    True

In Lightning, :class:`CurveRecorder` is a logger that keeps the curves of a run. Plots and page need the
``report`` extra.
"""

from lightning_symmetry.report.aggregate import Band, Spread, band, figure
from lightning_symmetry.report.html import Column, Report, render, write_report
from lightning_symmetry.report.recorder import CurveRecorder
from lightning_symmetry.report.run import Curve, Run, variants

__all__ = [
    "Band",
    "Column",
    "Curve",
    "CurveRecorder",
    "Report",
    "Run",
    "Spread",
    "band",
    "figure",
    "render",
    "variants",
    "write_report",
]
