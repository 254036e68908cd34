"""In attention the symmetry of values and outputs breaks before that of queries and keys."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from benchmarks.reproductions.dynamics._regression import Regression
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.functional import ignition_times
from lightning_symmetry.report.run import Curve

WIDTH, LENGTH = 8, 6
STDS = (0.1, 0.03)
STEPS = 2500
EVERY = 20


class Attention(nn.Module):
    """One head without biases; the last token asks."""

    def __init__(self) -> None:
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH, bias=False) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        """Mix the tokens by how well they answer the last one."""
        scores = self.query(x[:, -1:]) @ self.key(x).mT / math.sqrt(WIDTH)
        return self.out(scores.softmax(dim=-1) @ self.value(x)).squeeze(1)


def task(seed: int, count: int = 256) -> tuple[Tensor, Tensor]:
    """Sequences whose target is that of the tokens, averaged by how well they fit the last one."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, LENGTH, WIDTH, generator=generator)
    weights = (x[:, -1:] @ x.mT).softmax(dim=-1)
    return x, 2 * (weights @ x).squeeze(1)


def measure(size: Size) -> Outcome:
    """Train from two small scales and time both products."""
    first: list[float] = []
    waits: dict[float, list[float]] = {std: [] for std in STDS}
    panels = []
    for std in STDS:
        for seed in range(size.seeds):
            values, queries = broken(std, seed)
            times = torch.cat([_ignition(values), _ignition(queries)])
            first.append(float(times[0] < times[1]))
            waits[std].append(float(times[1] / times[0]))
        lines = [Line("values", values.steps, values.values), Line("queries", queries.steps, queries.values)]
        panels.append(Panel(f"breaking distance, std {std:g}", "step", "Δ", lines, log="y"))
    return Outcome(
        figures=[
            Figure(
                "share of trainings in which values and outputs break before queries and keys",
                estimate(first),
                "quadratic before quartic order; all",
                min(first) == 1,
            ),
            *(
                Figure(
                    f"time until queries break, as a multiple of that until values do, std {std:g}",
                    estimate(ratios),
                    "more than 1, by the whole interval",
                    estimate(ratios).low > 1,
                )
                for std, ratios in waits.items()
            ),
        ],
        panels=panels,
        remarks="A head of width 8 on sequences of 6 random tokens; the distances are the monitor's own.",
    )


def broken(std: float, seed: int) -> tuple[Curve, Curve]:
    """Train one head.

    Args:
        std: Standard deviation of the initial weights.
        seed: Of weights and data.

    Returns:
        Breaking distances of the change of basis of the values, and of that of queries and keys.
    """
    monitor = SymmetryMonitor(every_n_steps=EVERY, max_overhead=None, strict=True)
    _, curves = train(
        lambda: Regression(Attention(), 0.1, std),
        [task(seed)],
        STEPS,
        [monitor],
        seed,
        log_every_n_steps=EVERY,
    )
    found = {key: curve for key, curve in curves.items() if key.startswith("symmetry/breaking_distance/")}
    (queries,) = (curve for key, curve in found.items() if "query_key" in key)
    (values,) = (curve for key, curve in found.items() if "query_key" not in key)
    return values, queries


def _ignition(curve: Curve) -> Tensor:
    return ignition_times(torch.tensor(curve.steps), torch.tensor(curve.values).unsqueeze(-1))


REPRODUCTION = Reproduction(
    claim="In attention, the symmetry of values and outputs breaks before that of queries and keys.",
    source="Ziyin, Xu, Poggio, Chuang, *Neural quadratic forms* (2026)",
    measure=measure,
)
