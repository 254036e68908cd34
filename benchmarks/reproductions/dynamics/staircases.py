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

STRENGTHS = torch.tensor([1.0, 0.55, 0.3])
EVERY = 20
RATE = 0.05
SOON = 500
"""Steps within which all is learned from usual weights."""


def _two_layers(activation: type[nn.Module]) -> nn.Module:
    return nn.Sequential(nn.Linear(6, 32, bias=False), activation(), nn.Linear(32, 3, bias=False))


def _deep_linear() -> nn.Module:
    sizes = (6, 16, 16, 3)
    return nn.Sequential(*(nn.Linear(a, b, bias=False) for a, b in pairwise(sizes)))


NETWORKS: dict[str, tuple[Callable[[], nn.Module], float, int]] = {
    "tanh, two layers": (lambda: _two_layers(nn.Tanh), 1e-8, 1000),
    "ReLU, two layers": (lambda: _two_layers(nn.ReLU), 1e-8, 2000),
    "linear, three layers": (_deep_linear, 1e-2, 2600),
}
"""Each with the standard deviation of its small initialisation and the steps it takes from there."""


def measure(size: Size) -> Outcome:
    """Train three networks from small and from usual weights, and count the stairs."""
    figures, controls, panels = [], [], []
    for name, (make, std, steps) in NETWORKS.items():
        stairs: dict[bool, list[float]] = {True: [], False: []}
        together: list[float] = []
        lines = []
        for small in (True, False):
            for seed in size.held_out:
                start, length = (std, steps) if small else (None, SOON)
                falls, breakings, curve = stages(make, start, seed, length)
                stairs[small].append(len(falls))
                if small:
                    near = [min((abs(step - other) for other in breakings), default=steps) for step in falls]
                    together += [float(distance <= 0.1 * steps) for distance in near]
                if seed == size.held_out[0]:
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
                estimate(together or [0.0]),
                "transitions are symmetry breaking; all",
                min(together, default=0) == 1,
            ),
        ]
        controls.append(Control(f"falls from usual weights: {name}", estimate(stairs[False])))
        panels.append(Panel(name, "step", "loss", lines, log="y"))
    return Outcome(
        figures,
        controls,
        panels,
        REMARKS,
    )


def stages(
    make: Callable[[], nn.Module], std: float | None, seed: int, steps: int
) -> tuple[list[int], list[int], tuple[list[int], list[float]]]:
    """Train one network beside a detector of stages.

    Args:
        make: Makes the network.
        std: Standard deviation of the initial weights; the usual one if None.
        seed: Of the weights.
        steps: Optimizer steps.

    Returns:
        Steps at which the loss fell, steps at which a symmetry broke, and the loss.
    """
    detector = StageDetector(every_n_steps=EVERY // 4, strict=True)
    monitor = SymmetryMonitor(every_n_steps=EVERY, max_overhead=None, strict=True)
    _, curves = train(
        lambda: Regression(make(), RATE, std),
        [linear_task(STRENGTHS, 6)],
        steps,
        [monitor, detector],
        seed,
        log_every_n_steps=EVERY,
    )
    found = detector.transitions
    falls = [t.step for t in found if t.symmetry == "loss" and t.kind == "fell"]
    breakings = [t.step for t in found if t.kind == "broken"]
    return falls, breakings, (list(curves["loss"].steps), list(curves["loss"].values))


REMARKS = f"""\
White inputs of 6 coordinates, a linear target of singular values 1, 0.55 and 0.3, plain gradient descent
with rate {RATE:g}. `StageDetector` reads the loss every {EVERY // 4} steps, and what a `SymmetryMonitor` logs
every {EVERY}. It takes what falls by less than a quarter of the fall before for its tail, so the singular
values are such that their squares fall off more slowly. In the nonlinear networks modes are not independent:
each comes earlier than it would alone, and plateaus after the first are short (tanh) or none (ReLU). In the
deep linear network the detector misses the first fall, which begins slowly, and sees the other two.
Settings were chosen on seeds below 10; these are others."""

REPRODUCTION = Reproduction(
    claim="From a small initialisation, learning is a sequence of jumps, each of which breaks a symmetry.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 3",
    measure=measure,
)
