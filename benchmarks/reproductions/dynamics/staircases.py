"""From a small initialisation the loss falls in stairs, and every stair breaks a symmetry."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import nn

from benchmarks.reproductions.dynamics._regression import Regression, linear_task
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import StageDetector, SymmetryMonitor

STRENGTHS = torch.tensor([1.0, 0.5, 0.25])
EVERY = 20
RATE = 0.02
STEPS = 3200


def _two_layers(activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 32, bias=False), activation(), nn.Linear(32, 3, bias=False))


def _deep_linear() -> nn.Module:
    sizes = (6, 16, 16, 3)
    return nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], float]] = {
    "tanh, two layers": (lambda: _two_layers(nn.Tanh), 1e-5),
    "ReLU, two layers": (lambda: _two_layers(nn.ReLU), 1e-5),
    "linear, three layers": (_deep_linear, 5e-2),
}
"""Each with the standard deviation of its small initialisation."""


def measure(size: Size) -> Outcome:
    """Train three networks from small and from usual weights, and count the stairs."""
    figures, controls, panels = [], [], []
    for name, (make, std) in NETWORKS.items():
        stairs: dict[bool, list[float]] = {True: [], False: []}
        together: list[float] = []
        lines = []
        for small in (True, False):
            for seed in range(size.seeds):
                falls, breakings, curve = stages(make, std if small else None, seed)
                stairs[small].append(len(falls))
                if small:
                    near = [min((abs(step - other) for other in breakings), default=STEPS) for step in falls]
                    together += [float(distance <= 0.1 * STEPS) for distance in near]
                if seed == 0:
                    lines.append(Line("small weights" if small else "usual weights", *curve))
        figures += [
            Figure(
                f"falls of the loss that the detector finds from small weights: {name}",
                estimate(stairs[True]),
                f"one for each of {len(STRENGTHS)} modes; at least 2 in every run",
                min(stairs[True]) >= 2,
            ),
            Figure(
                f"share of these falls with a symmetry that breaks within a tenth of the run: {name}",
                estimate(together),
                "transitions are symmetry breaking; all",
                min(together) == 1,
            ),
        ]
        controls.append(Control(f"falls from usual weights: {name}", estimate(stairs[False])))
        panels.append(Panel(name, "step", "loss", lines, log="y"))
    return Outcome(
        figures,
        controls,
        panels,
        f"White inputs of 6 coordinates, a linear target of singular values 1, 0.5 and 0.25, {STEPS} steps "
        "of plain gradient descent; `StageDetector` beside `SymmetryMonitor`, both every 20 steps.",
    )


def stages(
    make: Callable[[], nn.Module], std: float | None, seed: int
) -> tuple[list[int], list[int], tuple[list[int], list[float]]]:
    """Train one network beside a detector of stages.

    Args:
        make: Makes the network.
        std: Standard deviation of the initial weights; the usual one if None.
        seed: Of the weights.

    Returns:
        Steps at which the loss fell, steps at which a symmetry broke, and the loss.
    """
    detector = StageDetector(every_n_steps=EVERY, strict=True)
    monitor = SymmetryMonitor(every_n_steps=EVERY, max_overhead=None, strict=True)
    _, curves = train(
        lambda: Regression(make(), RATE, std),
        [linear_task(STRENGTHS, 6)],
        STEPS,
        [monitor, detector],
        seed,
    )
    found = detector.transitions
    falls = [t.step for t in found if t.symmetry == "loss" and t.kind == "fell"]
    breakings = [t.step for t in found if t.kind == "broken"]
    return falls, breakings, (list(curves["loss"].steps[::5]), list(curves["loss"].values[::5]))


REPRODUCTION = Reproduction(
    claim="From a small initialisation, learning is a sequence of jumps, each of which breaks a symmetry.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 3",
    measure=measure,
)
