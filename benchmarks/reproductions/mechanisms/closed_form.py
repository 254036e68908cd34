"""A linear network with one hidden layer follows its closed form."""

from __future__ import annotations

import torch

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.mechanisms._two_layer import TwoLayers, data, flow
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry.functional import alignment, feature_learning

RATES = (1.0, 0.25)
TIME = 4.0
STEPS = (250, 500)


def measure(size: Size) -> Outcome:
    """Train at two step sizes, and extrapolate to a step of zero."""
    errors: list[float] = []
    orders: list[float] = []
    aligned: list[float] = []
    stretched: list[float] = []
    lines: list[Line] = []
    for seed in range(size.seeds):
        products = []
        for steps in STEPS:
            start = []

            def make(steps: int = steps, start: list[tuple[torch.Tensor, torch.Tensor]] = start) -> TwoLayers:
                module = TwoLayers(64, std=0.1, rates=RATES, step=TIME / steps)
                start.append(module.layers())
                return module

            module, curves = train(make, [data()], steps, seed=seed)
            theory = flow(start[0], RATES)
            products.append(torch.tensor(curves["product"].values, dtype=torch.float64))
        coarse, fine = products
        fine = fine[::2]
        times = torch.arange(len(coarse), dtype=torch.float64) * (TIME / STEPS[0])
        expected = theory.product(times)
        errors.append(float((2 * fine - coarse - expected).abs().max()))
        orders.append(float((coarse - expected).abs().max() / (fine - expected).abs().max()))
        aligned.append(float(alignment(*module.layers()) - theory.alignment(TIME)))
        stretched.append(
            float(feature_learning(start[0], module.layers(), RATES) - theory.order_parameter(TIME))
        )
        if seed == 0:
            lines = [
                Line("closed form", times.tolist(), expected.tolist()),
                Line("training", times[::10].tolist(), fine[::10].tolist(), marks=True),
            ]
    return Outcome(
        figures=[
            Figure(
                "largest error of Σ u_i w_i along the flow (which goes to 2), extrapolated to steps of zero",
                estimate(errors),
                "closed form; at most 1e-4 in every run",
                max(errors) <= 1e-4,
            ),
            Figure(
                "error of a step twice as large, as a multiple",
                estimate(orders),
                "first order: 2, within 0.2",
                all(abs(order - 2) < 0.2 for order in orders),
            ),
            Figure(
                "error of the cosine between the layers at the end",
                estimate(aligned),
                "closed form; at most 1e-3",
                max(map(abs, aligned)) <= 1e-3,
            ),
            Figure(
                "error of ½ ln z, the order parameter of feature learning, at the end",
                estimate(stretched),
                "closed form; at most 1e-3",
                max(map(abs, stretched)) <= 1e-3,
            ),
        ],
        panels=[Panel("the function that the network is", "time", "Σ u w", lines)],
        remarks=f"64 hidden units, std 0.1, learning rates in the ratio 1 to {RATES[1]}, time {TIME:g}.",
    )


REPRODUCTION = Reproduction(
    claim="Gradient flow of a linear network of one input, one output and one hidden layer is known exactly.",
    source="Xu, Ziyin, *Three Mechanisms of Feature Learning*, arXiv 2401.07085, Theorem 1",
    measure=measure,
    seeds=5,
)
