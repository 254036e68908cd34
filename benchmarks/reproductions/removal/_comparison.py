"""The same training under every treatment, and what is said of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.reproductions.estimate import Estimate, estimate
from benchmarks.reproductions.outcome import Control, Line, Panel
from benchmarks.reproductions.removal._controls import Filter, treatments
from lightning_symmetry._compat import Callback
from lightning_symmetry.report.run import Curve, Run

Measure = Callable[[Sequence[Callback], int], tuple[Mapping[str, Curve], Mapping[str, float]]]
"""Trains with callbacks and a seed; returns curves and final numbers."""

_POINTS = 100


@dataclass(frozen=True)
class Comparison:
    """Trainings that differ in their treatment and their seed.

    Attributes:
        runs: The trainings, each with the name of its treatment.
    """

    runs: Sequence[Run]

    def values(self, quantity: str, treatment: str) -> list[float]:
        """Return a final number of every seed.

        Args:
            quantity: Its name.
            treatment: Under which treatment.

        Returns:
            One for each seed.
        """
        return [run.figures[quantity] for run in self.runs if run.name == treatment]

    def estimate(self, quantity: str, treatment: str) -> Estimate:
        """Return the mean of a final number, and its interval.

        Args:
            quantity: Its name.
            treatment: Under which treatment.

        Returns:
            The estimate.
        """
        return estimate(self.values(quantity, treatment))

    def controls(self, says: str, quantity: str, names: Iterable[str]) -> list[Control]:
        """Return what is not judged.

        Args:
            says: What the number is.
            quantity: Its name.
            names: Of the treatments.

        Returns:
            A control for each.
        """
        return [Control(f"{says}, {name}", self.estimate(quantity, name)) for name in names]

    def panel(self, title: str, key: str, x: str, y: str, log: str = "") -> Panel:
        """Return the curves of the first seed.

        Args:
            title: What is shown.
            key: Of the curves.
            x: Name of the abscissa.
            y: Name of the ordinate.
            log: Which axes are logarithmic.

        Returns:
            A line for each treatment.
        """
        first = [run for run in self.runs if run.seed == self.runs[0].seed]
        return Panel(title, x, y, [_line(run.name, run.curves[key]) for run in first], log)


def compare(measure: Measure, std: float, seeds: Iterable[int], filter: Filter | None = None) -> Comparison:
    """Train under every treatment with every seed.

    Args:
        measure: Trains and measures.
        std: Size of syre's offset and of the noise, in initial standard deviations.
        seeds: The seeds.
        filter: Chooses the parameters that syre acts on; None for all.

    Returns:
        The trainings.
    """
    return Comparison(
        [
            Run(name, seed, *measure(callbacks, seed))
            for seed in seeds
            for name, callbacks in treatments(std, seed, filter).items()
        ]
    )


def _line(label: str, curve: Curve) -> Line:
    every = max(1, len(curve.steps) // _POINTS)
    return Line(label, curve.steps[::every], curve.values[::every])
