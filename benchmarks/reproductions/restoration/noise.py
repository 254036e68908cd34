"""The noise of stochastic gradients restores symmetries."""

from __future__ import annotations

from benchmarks.reproductions.outcome import Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.restoration._sweep import Treatment, swept


def measure(size: Size) -> Outcome:
    """Sweep the batch size at a large learning rate, with an equal number of steps."""
    treatments = {float(batch): Treatment(decay=0.0, rate=0.5, batch=batch) for batch in (4, 16, 64, 256)}
    return swept(
        "batch size",
        treatments,
        1,
        size.seeds,
        "ReLU network 64-64-64-10 on digits, SGD at a rate of 0.5 without decay, equal numbers of steps.",
    )


REPRODUCTION = Reproduction(
    claim="The smaller the batch at a large learning rate, the fewer distinct units and the lower the rank.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4; Chen et al., arXiv 2306.04251",
    measure=measure,
)
