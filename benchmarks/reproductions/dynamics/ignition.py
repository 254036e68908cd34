"""Modes ignite one after the other, later by a constant for every decade of the initial scale."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.reproductions.dynamics._regression import Regression, Watch, linear_task
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry.functional import ignition_times, predicted_ignition_times

STDS = (3e-2, 3e-3, 3e-4, 3e-5)
STRENGTHS = torch.tensor([2.0, 1.0, 0.5])
RATE = 0.02
WIDTH = 16


def measure(size: Size) -> Outcome:
    """Train a linear network of one hidden layer from four scales."""
    late: dict[float, list[float]] = {std: [] for std in STDS}
    ordered: list[float] = []
    slopes: list[float] = []
    lines: list[Line] = []
    for seed in range(size.seeds):
        found = []
        for std in STDS:
            times, expected, watch = ignited(std, seed)
            found.append(times)
            late[std].append(float((times / expected - 1).abs().max()))
            ordered.append(float((times.diff() > 0).all()))
            if seed == 0 and std in STDS[1::2]:
                amplitudes = torch.stack(watch.values)
                lines += [
                    Line(f"std {std:g}, mode {k + 1}", watch.steps, amplitudes[:, k].tolist())
                    for k in range(len(STRENGTHS))
                ]
        # the amplitude at the start is quadratic in the scale: two decades of it for each
        delays = torch.stack(found).diff(dim=0).mean(dim=0)
        slopes.append(float((delays * RATE * 2 * STRENGTHS / (2 * torch.tensor(10.0).log())).mean()))
    slope = estimate(slopes)
    return Outcome(
        figures=[
            *(
                Figure(
                    f"largest relative error of an ignition time from std {std:g}",
                    estimate(errors),
                    "theory, with the growing part of the initial weights; at most 0.1",
                    max(errors) <= 0.1,
                )
                for std, errors in late.items()
            ),
            Figure(
                "delay for a decade of the initial scale, as a multiple of 2 ln 10 / r",
                slope,
                "1, within 0.03",
                abs(slope.mean - 1) <= 0.03,
            ),
            Figure(
                "share of trainings in which stronger modes ignite first",
                estimate(ordered),
                "all",
                min(ordered) == 1,
            ),
        ],
        panels=[Panel("amplitudes of the modes", "step", "u W₂ W₁ v", lines)],
        remarks=f"Linear network 6-{WIDTH}-3 on white inputs, singular values of the target 2, 1 and 0.5, "
        f"learning rate {RATE:g}.",
    )


def ignited(std: float, seed: int) -> tuple[Tensor, Tensor, Watch]:
    """Train one network until all modes are learned.

    Args:
        std: Standard deviation of the initial weights.
        seed: Of the weights.

    Returns:
        Steps at which each mode reaches half of its final amplitude, those of the theory, and the amplitudes.
    """
    modes = len(STRENGTHS)
    watch = Watch(lambda module: (module.model[1].weight @ module.model[0].weight)[:, :modes].diagonal())
    initial = []

    def make() -> Regression:
        model = nn.Sequential(nn.Linear(6, WIDTH, bias=False), nn.Linear(WIDTH, modes, bias=False))
        module = Regression(model, RATE, std)
        growing = model[0].weight[:, :modes] + model[1].weight.T
        initial.append(growing.detach().square().sum(dim=0) / 4)
        return module

    start = WIDTH * std**2 / 2
    steps = int((float((STRENGTHS[-1] / start).log()) / (2 * float(STRENGTHS[-1])) + 8) / RATE)
    train(make, [linear_task(STRENGTHS, 6)], steps, [watch], seed)
    expected = predicted_ignition_times(2 * STRENGTHS, initial[0], STRENGTHS) / RATE
    return ignition_times(torch.tensor(watch.steps), torch.stack(watch.values)), expected, watch


REPRODUCTION = Reproduction(
    claim="A mode of strength s ignites at t ≈ ln(s / ε) / 2s, over four decades of the initial scale.",
    source="Ziyin, Xu, Poggio, Chuang, *Neural quadratic forms* (2026); Saxe et al., arXiv 1312.6120",
    measure=measure,
)
