"""Curves as inline SVG that takes its colours and font from the page around it."""

from __future__ import annotations

import io
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from lightning_symmetry.report.aggregate import Band

COLOURS = ("#7c8aa0", "#d95f3b", "#1a9c86", "#7a6ad0", "#bf9618", "#c2528b", "#3b82c4", "#8a6d4b")
"""One colour for each variant, readable on white and on near-black."""

# Colours that stand for variables of the page's style sheet, so that figures follow light and dark mode.
_INK = "#010203"
_RULE = "#010204"
_STYLE: dict[Any, Any] = {
    # Text stays text: it can be selected, and takes the font of the page.
    "svg.fonttype": "none",
    "font.size": 9.5,
    "text.parse_math": False,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "ytick.minor.size": 0,
    "axes.edgecolor": _RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": _RULE,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
}


def colour(index: int) -> str:
    """Return the colour of the variant at a place in the report.

    Args:
        index: Its place, from 0; colours repeat after eight.

    Returns:
        A colour such as ``"#1a9c86"``.
    """
    return COLOURS[index % len(COLOURS)]


def curves_svg(
    bands: Mapping[str, Band],
    plateaus: Mapping[str, Sequence[tuple[int, int]]] | None = None,
    salt: str = "curves",
    logarithmic: bool = False,
    jumps: Mapping[str, Sequence[int]] | None = None,
) -> str:
    """Draw every variant over the steps of training: mean and one standard deviation over seeds.

    Args:
        bands: A curve by the name of its variant; the order gives the colours. Empty curves are left out.
        plateaus: By variant, the stretches in which its loss stands still, drawn as bars under the curves.
        salt: Sets the identifiers inside the SVG apart from those of other figures on the page.
        logarithmic: Draw values on a logarithmic scale, if all are above zero.
        jumps: By variant, the steps at which its curve jumps, drawn as dotted lines.

    Returns:
        An ``<svg>`` element. Curve ``i`` bears the identifier ``<salt>-curve-<i>``, its jumps at a step
        ``<salt>-jump-<i>-<step>``.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": salt}):
        # Without pyplot: no window system is asked for, and no global figure stays behind.
        figure = Figure(figsize=(5.6, 3.0), layout="constrained")
        FigureCanvasSVG(figure)
        if plateaus:
            axes, strip = figure.subplots(2, 1, sharex=True, height_ratios=[1, 0.035 * len(bands) + 0.02])
            _draw_plateaus(strip, plateaus, list(bands))
        else:
            axes = strip = figure.subplots()
        _draw_curves(axes, bands, salt, logarithmic)
        _draw_jumps(axes, jumps or {}, list(bands), salt)
        strip.set_xlabel("optimizer steps")
        return _svg(figure, salt)


def _draw_curves(axes: Axes, bands: Mapping[str, Band], salt: str, logarithmic: bool) -> None:
    # Curves that lie on top of each other stay visible: those below are wider.
    widths = [1.8 + 1.6 * below / len(bands) for below in range(len(bands) - 1, -1, -1)]
    for index, band in enumerate(bands.values()):
        if not band.steps:
            continue
        (line,) = axes.plot(band.steps, band.means, color=colour(index), linewidth=widths[index])
        line.set_gid(f"{salt}-curve-{index}")
        if max(spread.count for spread in band.spreads) > 1:
            low = [spread.mean - spread.std for spread in band.spreads]
            high = [spread.mean + spread.std for spread in band.spreads]
            axes.fill_between(band.steps, low, high, color=colour(index), alpha=0.2, linewidth=0)
    axes.margins(x=0.01)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    means = [mean for band in bands.values() for mean in band.means if math.isfinite(mean)]
    if logarithmic and min(means, default=-1.0) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.yaxis.set_minor_formatter(NullFormatter())
        return
    axes.yaxis.set_major_locator(MaxNLocator(5))
    if min(means, default=-1.0) >= 0:
        # Counts, ranks and distances are drawn from zero: a cut axis would exaggerate.
        axes.set_ylim(bottom=-0.02 * axes.get_ylim()[1])


def _draw_jumps(axes: Axes, jumps: Mapping[str, Sequence[int]], names: list[str], salt: str) -> None:
    for index, name in enumerate(names):
        for step in jumps.get(name, ()):
            line = axes.axvline(step, color=colour(index), linewidth=0.9, linestyle=":")
            line.set_gid(f"{salt}-jump-{index}-{step}")


def _draw_plateaus(strip: Axes, plateaus: Mapping[str, Sequence[tuple[int, int]]], names: list[str]) -> None:
    for index, name in enumerate(names):
        bars = [(start, end - start) for start, end in plateaus.get(name, ())]
        strip.broken_barh(bars, (-index - 0.8, 0.6), color=colour(index), linewidth=0)
    strip.set_ylim(-len(names), 0)
    strip.set_yticks([])
    strip.grid(False)
    strip.spines["bottom"].set_visible(False)


def _svg(figure: Figure, salt: str) -> str:
    buffer = io.StringIO()
    # No date and no creator: the same data give the same bytes.
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    # Inside HTML the namespaces are implied, and the size is the page's.
    text = re.sub(r' (xmlns(:xlink)?|width|height|version)="[^"]*"', "", text, count=5)
    # Matplotlib's own names for its parts repeat in every figure, and nothing refers to them.
    text = re.sub(r' id="[\w.]+_\d+"', "", text)
    return text.replace(_INK, "var(--soft)").replace(_RULE, "var(--rule)")
