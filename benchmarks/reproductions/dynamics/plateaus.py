"""The loss leaves its plateau when the breaking distance rises."""

from __future__ import annotations

import math

import torch
from scipy.stats import spearmanr
from torch import nn

from benchmarks.reproductions.dynamics._regression import Regression, linear_task
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.report.run import Curve

STRENGTHS = torch.tensor([1.0, 0.5, 0.25])
STDS = (1e-2, 1e-3, 1e-4)
NETWORKS = {"tanh": (nn.Tanh, 1.0), "ReLU": (nn.ReLU, 0.5)}
"""Each with the rate at which its strongest mode grows: a ReLU passes half of it."""
RATE, EVERY = 0.05, 10


def measure(size: Size) -> Outcome:
    """Train from small weights of several scales and compare two times."""
    figures, controls, panels = [], [], []
    for name, (activation, growth) in NETWORKS.items():
        times: dict[float, list[tuple[float, float]]] = {}
        lines: list[Line] = []
        for std in STDS:
            runs = [trained(activation, growth, std, seed) for seed in size.held_out]
            times[std] = [(crossing(loss), crossing(distance)) for loss, distance in runs]
            for label, curve in zip((f"loss, std {std:g}", f"Δ, std {std:g}"), runs[0], strict=True):
                lines.append(Line(label, curve.steps, curve.values))
        ends, rises = zip(*(pair for pairs in times.values() for pair in pairs), strict=True)
        leads = [1 - rise / end for end, rise in zip(ends, rises, strict=True)]
        lead = estimate(leads)
        figures += [
            Figure(
                f"rank correlation of the end of the plateau and the rise of Δ over trainings: {name}",
                estimate([float(spearmanr(ends, rises).statistic)]),
                "one goes with the other; at least 0.9",
                float(spearmanr(ends, rises).statistic) >= 0.9,
            ),
            Figure(
                f"steps by which Δ rises earlier, as a share of the plateau: {name}",
                lead,
                "the plateau ends when Δ rises; within 0.2 of 0 in every run",
                max(map(abs, leads)) <= 0.2,
            ),
        ]
        controls += [
            Control(
                f"length of the plateau in steps, std {std:g}: {name}", estimate([end for end, _ in pairs])
            )
            for std, pairs in times.items()
        ]
        panels.append(Panel(f"{name}, two layers", "step", "loss and Δ", lines, log="y"))
    return Outcome(figures, controls, panels, REMARKS)


def trained(activation: type[nn.Module], growth: float, std: float, seed: int) -> tuple[Curve, Curve]:
    """Train one network until its strongest mode is learned.

    Args:
        activation: Between its layers.
        growth: Rate at which that mode grows.
        std: Standard deviation of the initial weights.
        seed: Of the weights.

    Returns:
        The loss, and the breaking distance of the permutations.
    """
    steps = EVERY * math.ceil((math.log(1 / std) / growth + 8) / RATE / EVERY)
    monitor = SymmetryMonitor(every_n_steps=EVERY, max_overhead=None, strict=True)

    def make() -> Regression:
        layers = nn.Linear(6, 32, bias=False), activation(), nn.Linear(32, 3, bias=False)
        return Regression(nn.Sequential(*layers), RATE, std)

    data = [linear_task(STRENGTHS, 6)]
    _, curves = train(make, data, steps, [monitor], seed, log_every_n_steps=EVERY)
    return curves["loss"], curves["symmetry/breaking_distance/model.hidden.permutation"]


def crossing(curve: Curve) -> float:
    """Return the step at which a curve has gone a tenth of its way from its first to its last value."""
    first, last = curve.values[0], curve.last
    gone = [(value - first) / (last - first) for value in curve.values]
    after = next(k for k, share in enumerate(gone) if share >= 0.1)
    part = (0.1 - gone[after - 1]) / (gone[after] - gone[after - 1])
    return curve.steps[after - 1] + part * (curve.steps[after] - curve.steps[after - 1])


REMARKS = """\
The end of the plateau is where the loss has gone a tenth of its way, the rise where the breaking distance
of the permutations has, in one training from small weights. White inputs of 6 coordinates, 32 hidden units,
a linear target of singular values 1, 0.5 and 0.25; the first plateau, which is that of the origin.
Settings were chosen on seeds below 10; these are others."""

REPRODUCTION = Reproduction(
    claim="Plateaus of the loss end when the distance from the symmetric state rises.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 3",
    measure=measure,
    seeds=4,
)
