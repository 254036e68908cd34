"""Data augmentation restores symmetries."""

from __future__ import annotations

from benchmarks.reproductions.outcome import Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.restoration._sweep import Treatment, swept


def measure(size: Size) -> Outcome:
    """Sweep the strength of noise on the images."""
    treatments = {jitter: Treatment(decay=3e-3, jitter=jitter) for jitter in (0.0, 0.2, 0.5, 1.0)}
    return swept(
        "strength of augmentation",
        treatments,
        -1,
        size.seeds,
        "ReLU network 64-64-64-10 on digits, SGD with a weight decay of 3e-3, noise on the images.",
    )


REPRODUCTION = Reproduction(
    claim="The stronger the augmentation, the fewer distinct units and the lower the rank.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4",
    measure=measure,
)
