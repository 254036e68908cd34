"""Learning goes from one symmetric state to the next, and the detector of stages finds when."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from benchmarks.reproductions.dynamics._regression import Regression, linear_task
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import StageDetector, SymmetryMonitor
from lightning_symmetry.functional import participation_ratio
from lightning_symmetry.report.run import Curve
from lightning_symmetry.stages import Transition

STRENGTHS = torch.tensor([1.0, 0.5, 0.25])
STD, RATE, STEPS, EVERY = 1e-4, 0.05, 1050, 15
KEY = "symmetry/participation_ratio/model.rank.general_linear"


def measure(size: Size) -> Outcome:
    """Train a linear network from small weights and read the levels between which it jumps."""
    states = [symmetric_state(count) for count in range(1, len(STRENGTHS) + 1)]
    counts: list[float] = []
    befores: list[float] = []
    afters: list[float] = []
    lines = []
    for seed in size.held_out:
        found, curve = jumps(seed)
        counts.append(len(found))
        befores += _errors([jump.before for jump in found], states[:-1])
        afters += _errors([jump.after for jump in found], states[1:])
        lines.append(Line(f"seed {seed}", curve.steps, curve.values))
    ends = [0, curve.steps[-1]]
    lines += [Line("" if k else "symmetric states", ends, [state] * 2) for k, state in enumerate(states)]
    return Outcome(
        figures=[
            Figure(
                "transitions that the detector finds",
                estimate(counts),
                f"one between each two of {len(STRENGTHS)} states; {len(STRENGTHS) - 1} in every run",
                set(counts) == {len(STRENGTHS) - 1.0},
            ),
            Figure(
                "relative difference of the level before a transition from that of the symmetric state",
                estimate(befores),
                "begins in a symmetric state; at most 0.02 in every run",
                max(befores) <= 0.02,
            ),
            Figure(
                "relative difference of the level after a transition from that of the next symmetric state",
                estimate(afters),
                "ends in a symmetric state; at most 0.02 in every run",
                max(afters) <= 0.02,
            ),
        ],
        panels=[Panel("participation ratio", "step", "directions in use", lines)],
        remarks=REMARKS,
    )


def symmetric_state(count: int) -> float:
    """Return the participation ratio of a network that has learned the strongest modes and nothing else."""
    return float(participation_ratio(STRENGTHS[:count].diag()))


def jumps(seed: int) -> tuple[Sequence[Transition], Curve]:
    """Train one network.

    Args:
        seed: Of its weights.

    Returns:
        Transitions of the participation ratio of the two layers' product, and its curve.
    """
    monitor = SymmetryMonitor(every_n_steps=EVERY, max_overhead=None, strict=True)
    detector = StageDetector(every_n_steps=EVERY, watch=[KEY], strict=True)

    def make() -> Regression:
        model = nn.Sequential(nn.Linear(6, 16, bias=False), nn.Linear(16, 3, bias=False))
        return Regression(model, RATE, STD)

    data: list[tuple[Tensor, Tensor]] = [linear_task(STRENGTHS, 6)]
    _, curves = train(make, data, STEPS, [monitor, detector], seed, log_every_n_steps=EVERY)
    return [found for found in detector.transitions if found.key == KEY], curves[KEY]


def _errors(levels: Sequence[float], states: Sequence[float]) -> list[float]:
    """Relative differences; 1 for each state without a level."""
    errors = [abs(level / state - 1) for level, state in zip(levels, states, strict=False)]
    return errors + [1.0] * (len(states) - len(errors))


REMARKS = """\
A linear network 6-16-3 on white inputs; the target has singular values 1, 0.5 and 0.25. Where it has
learned the k strongest modes and nothing else, all changes of basis of the other hidden dimensions leave it
as it is: GL(16 - k). The participation ratio of the product of its layers tells these states apart (1, 1.47
and 1.62), and the origin, where noise decides it, from none. `StageDetector` beside `SymmetryMonitor`.
Settings were chosen on seeds below 10; these are others."""

REPRODUCTION = Reproduction(
    claim="Learning jumps from symmetric state to symmetric state, and each jump leaves less unbroken.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 3",
    measure=measure,
    seeds=5,
)
