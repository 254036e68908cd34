"""Weight decay restores symmetries."""

from __future__ import annotations

from benchmarks.reproductions.outcome import Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.restoration._sweep import Treatment, swept


def measure(size: Size) -> Outcome:
    """Sweep the weight decay."""
    decays = (0.0, 1e-3, 3e-3, 1e-2, 2e-2)
    treatments = {decay: Treatment(decay=decay) for decay in decays}
    return swept("weight decay", treatments, -1, size.seeds, "ReLU network 64-64-64-10 on digits, SGD.")


REPRODUCTION = Reproduction(
    claim="The stronger the weight decay, the fewer distinct units and the lower the rank.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4",
    measure=measure,
)
