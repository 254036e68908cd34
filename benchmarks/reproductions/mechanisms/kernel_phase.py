"""Width, scale and learning rates decide between the kernel and the feature-learning phase."""

from __future__ import annotations

import math

import torch

from benchmarks.reproductions.estimate import Estimate, estimate
from benchmarks.reproductions.mechanisms._two_layer import TwoLayers, data, flow
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry.functional import feature_learning

WIDTHS = (16, 128, 1024)
SCALES = {"kernel: variance 1/√n": -0.25, "mean field: variance 1/n": -0.5}
RATIOS = (1.0, 0.1)
STEPS = 100


def measure(size: Size) -> Outcome:
    """Train over widths, scales and ratios of learning rates; measure ½ |ln z| from the weights."""
    found: dict[tuple[str, float, int], list[float]] = {}
    errors: list[float] = []
    for name, power in SCALES.items():
        for ratio in RATIOS:
            for width in (*WIDTHS, 4096) if size.full else WIDTHS:
                for seed in range(size.seeds):
                    measured, expected = order_parameters(width, width**power, (1.0, ratio), seed)
                    found.setdefault((name, ratio, width), []).append(measured)
                    errors.append(abs(measured - expected))
    kernel, mean_field = (
        [_slope({w: v for (n, _, w), v in found.items() if n == name}, seed) for seed in range(size.seeds)]
        for name in SCALES
    )
    lines = []
    for name in SCALES:
        for ratio in RATIOS:
            points = {w: estimate(v).mean for (n, r, w), v in found.items() if (n, r) == (name, ratio)}
            lines.append(Line(f"{name}, rates 1 : {ratio:g}", list(points), list(points.values())))
    return Outcome(
        figures=[
            Figure(
                "difference of ½ |ln z| measured from the weights and computed from the initialisation",
                estimate(errors),
                "equal; at most 0.01 in every run",
                max(errors) <= 0.01,
            ),
            _power("power of the width with kernel scaling", estimate(kernel), -0.5),
            _power("power of the width with mean-field scaling", estimate(mean_field), 0.0),
        ],
        panels=[Panel("order parameter of feature learning", "width", "½ |ln z|", lines, log="xy")],
        remarks="The order parameter is that of the end of training; 0 is the kernel phase.",
    )


def order_parameters(width: int, std: float, rates: tuple[float, float], seed: int) -> tuple[float, float]:
    """Train one network to the end.

    Args:
        width: Hidden units.
        std: Standard deviation of the initial weights.
        rates: Learning rates of the two layers, relative to each other.
        seed: Of the weights.

    Returns:
        ½ |ln z| from the weights before and after, and from the closed form.
    """
    start = []

    def make() -> TwoLayers:
        module = TwoLayers(width, std, rates, step=1.0)
        start.append(module.layers())
        # a third of the inverse curvature, by bounds of it at the start and at the end
        first, second = (float(layer.square().sum()) for layer in start[0])
        speed = rates[0] * second + rates[1] * first + 4 * math.sqrt(rates[0] * rates[1])
        module.step = 0.3 / speed
        return module

    module, _ = train(make, [data()], STEPS, seed=seed)
    theory = flow(start[0], rates)
    return float(feature_learning(start[0], module.layers(), rates)), abs(float(theory.order_parameter()))


def _slope(found: dict[int, list[float]], seed: int) -> float:
    widths = torch.tensor(list(found), dtype=torch.float64).log()
    values = torch.tensor([values[seed] for values in found.values()], dtype=torch.float64).log()
    centred = widths - widths.mean()
    return float((centred * values).sum() / centred.square().sum())


def _power(what: str, ours: Estimate, expected: float) -> Figure:
    within, other = ours.low <= expected <= ours.high, -0.5 - expected
    holds = within and not ours.low <= other <= ours.high
    return Figure(what, ours, f"{expected:g}: in the interval, in which {other:g} is not", holds)


REPRODUCTION = Reproduction(
    claim="Wide networks are in the kernel phase only if their initial scale keeps up with the width.",
    source="Xu, Ziyin, arXiv 2401.07085, Sec. 4",
    measure=measure,
    seeds=6,
)
