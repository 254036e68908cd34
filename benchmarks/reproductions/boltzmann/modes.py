"""Modes of a restricted Boltzmann machine leave the noise one by one and localise."""

from __future__ import annotations

from itertools import pairwise

import torch

from benchmarks.reproductions.boltzmann._machine import (
    STD,
    BoltzmannMachine,
    Spectrum,
    binary_digits,
    minibatches,
)
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry.functional import marchenko_pastur_edges

WIDTHS = (32, 128, 512)
STEPS = 1500
EVERY = 10
RATE = 0.05


def measure(size: Size) -> Outcome:
    """Train machines of several widths and watch their singular values."""
    images = binary_digits()
    outside: list[float] = []
    initial: list[float] = []
    steps_up: list[float] = []
    ends: dict[int, list[float]] = {}
    localised: list[float] = []
    growth: list[float] = []
    panels = []
    for width in (*WIDTHS, 1024) if size.full else WIDTHS:
        for seed in range(size.seeds):
            watch = watched(width, seed, STEPS * (20 if size.full else 1))
            lower, upper = marchenko_pastur_edges(images.shape[1], width, STD)
            first = watch.values[0]
            outside.append(float(((first < 0.9 * lower) | (first > 1.1 * upper)).double().mean()))
            initial.append(watch.learned[0])
            rises = [b - a for a, b in pairwise(watch.learned) if b > a]
            steps_up.append(sum(rise == 1 for rise in rises) / len(rises))
            ends.setdefault(width, []).append(watch.learned[-1])
            learned = watch.spread[-1][: int(watch.learned[-1])]
            localised.append(float(learned.mean() / (3 / (images.shape[1] + 2))))
            growth.append(_growth(watch) / _predicted(images))
        shown = [
            Line("" if k else f"{width} hidden units", watch.steps, [float(v[k]) for v in watch.values])
            for k in range(8)
        ]
        edge = Line("edge of the noise", watch.steps, [float(upper)] * len(watch.steps))
        panels.append(Panel("singular values", "step", "σ", [*shown, edge], log="y"))
    return Outcome(
        figures=[
            Figure(
                "learned modes before the first step, singular values that noise would not have",
                estimate(initial),
                "Marchenko–Pastur; none",
                max(initial) == 0,
            ),
            Figure(
                f"share of rises of the number of learned modes that are by one (looks every {EVERY} steps)",
                estimate(steps_up),
                "one by one; at least 0.8",
                estimate(steps_up).mean >= 0.8,
            ),
            *(
                Figure(
                    f"learned modes at the end, {width} hidden units",
                    estimate(modes),
                    "more than one in every run",
                    min(modes) > 1,
                )
                for width, modes in ends.items()
            ),
            Figure(
                "growth rate of the first mode at the saddle, as a multiple of the theory",
                estimate(growth),
                "1: a quarter of the largest eigenvalue of covariance beyond independence; within 0.2",
                abs(estimate(growth).mean - 1) < 0.2,
            ),
            Figure(
                "localisation of learned modes over pixels, as a multiple of that of random directions",
                estimate(localised),
                "singular vectors localise; more than 1.5",
                estimate(localised).low > 1.5,
            ),
        ],
        controls=[
            Control(
                "share of singular values outside of the edges by 10 % before the first step",
                estimate(outside),
            )
        ],
        panels=panels,
        remarks="Persistent contrastive divergence on binarised digits. Near W = 0 the gradient vanishes "
        "once the visible biases fit the means, and W grows by Ẇ = ¼ (C − D) W with the covariance C of the "
        "pixels and D its diagonal: a saddle, and the same for every rotation of the hidden units.",
    )


def watched(width: int, seed: int, steps: int) -> Spectrum:
    """Train one machine.

    Args:
        width: Hidden units.
        seed: Of everything random.
        steps: Optimizer steps.

    Returns:
        What was seen of its singular values.
    """
    images, watch = binary_digits(), Spectrum(EVERY)
    train(
        lambda: BoltzmannMachine(images, width, RATE),
        minibatches(images, 256, 500, seed),
        steps,
        [watch],
        seed,
    )
    return watch


def _growth(watch: Spectrum) -> float:
    """Rate of the first singular value in time units of gradient flow, while it is small but leads."""
    values = torch.stack(watch.values)[:, 0].double()
    begin, end = (int((values > factor * values[0]).nonzero()[0]) for factor in (2, 8))
    rise = (values[end] / values[begin]).log()
    return float(rise / (RATE * (watch.steps[end] - watch.steps[begin])))


def _predicted(images: torch.Tensor) -> float:
    covariance = images.double().T.cov()
    beyond = covariance - covariance.diagonal().diag()
    return float(torch.linalg.eigvalsh(beyond)[-1]) / 4


REPRODUCTION = Reproduction(
    claim="An RBM starts at a saddle; its modes leave the Marchenko–Pastur bulk one by one and localise.",
    source="Toledo-Marín, Maiti, Fox, Melko, arXiv 2503.21536",
    measure=measure,
    seeds=3,
)
