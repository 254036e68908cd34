"""What a reproduction finds: figures beside the published ones, and curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.reproductions.estimate import Estimate

Verdict = Literal["reproduced", "partly", "not reproduced"]


@dataclass(frozen=True)
class Figure:
    """One number beside what was published, or beside the law that it should follow.

    Attributes:
        what: What was measured, with its unit.
        ours: Our value.
        published: The published value, or the law, with the rule by which ours is judged.
        holds: Whether ours agrees by that rule.
    """

    what: str
    ours: Estimate
    published: str
    holds: bool


@dataclass(frozen=True)
class Control:
    """A number that belongs beside a figure and is not judged: another treatment, a limit, a cost.

    Attributes:
        what: What was measured, with its unit.
        ours: Our value.
    """

    what: str
    ours: Estimate


@dataclass(frozen=True)
class Line:
    """A curve of a plot.

    Attributes:
        label: What it shows.
        x: Abscissae.
        y: Ordinates.
        marks: Whether points are drawn instead of a line.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    marks: bool = False


@dataclass(frozen=True)
class Panel:
    """A plot.

    Attributes:
        title: What it shows.
        x: Name of the abscissa.
        y: Name of the ordinate.
        lines: The curves.
        log: Which axes are logarithmic, ``"x"``, ``"y"``, ``"xy"`` or none.
    """

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    log: str = ""


@dataclass(frozen=True)
class Outcome:
    """All that a reproduction finds.

    Attributes:
        figures: What is judged, at least one.
        controls: What belongs beside it.
        panels: Plots, four at most.
        remarks: What differs from the source, where it does not hold, in Markdown.
    """

    figures: Sequence[Figure]
    controls: Sequence[Control] = ()
    panels: Sequence[Panel] = ()
    remarks: str = ""

    @property
    def verdict(self) -> Verdict:
        """Whether all figures agree, some do, or none."""
        held = sum(figure.holds for figure in self.figures)
        if held == len(self.figures):
            return "reproduced"
        return "partly" if held else "not reproduced"
