"""The noise of stochastic gradients grows with the learning rate."""

from __future__ import annotations

from benchmarks.reproductions.outcome import Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.restoration._sweep import Treatment, swept


def measure(size: Size) -> Outcome:
    """Sweep the learning rate at a small batch, with an equal number of steps."""
    treatments = {rate: Treatment(decay=0.0, rate=rate, batch=16) for rate in (0.05, 0.1, 0.2, 0.4)}
    return swept(
        "learning rate",
        treatments,
        -1,
        size.seeds,
        "ReLU network 64-64-64-10 on digits, SGD with batches of 16 without decay, equal numbers of steps: a "
        "larger rate also learns for longer.",
    )


REPRODUCTION = Reproduction(
    claim="The larger the learning rate at a small batch, the fewer distinct units and the lower the rank.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4; Chen et al., arXiv 2306.04251",
    measure=measure,
)
