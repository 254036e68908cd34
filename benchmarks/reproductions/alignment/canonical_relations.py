"""Features, gradients and weights of a layer come to have the same second moments."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from benchmarks.reproductions.canonical import Setting, clusters
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import RepresentationMonitor
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches

PUBLISHED: Mapping[str, Mapping[str, tuple[float, float]]] = {
    "forward_hg": {"before": (0.20, 0.31), "decay 0": (0.70, 0.84), "decay 5e-3": (0.85, 0.89)},
    "forward_gz": {"before": (0.30, 0.37), "decay 0": (0.75, 0.83), "decay 5e-3": (0.93, 0.96)},
    "backward_hg": {"before": (0.20, 0.57), "decay 0": (0.71, 0.82), "decay 5e-3": (0.79, 0.90)},
}
"""Ranges over layers, by relation and stage."""


class Classifier(LightningModule):
    """A ReLU network 32-64-64-64-10."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        sizes = [(32, 64), (64, 64), (64, 64)]
        hidden = [m for a, b in sizes for m in (nn.Linear(a, b), nn.ReLU())]
        self.model = nn.Sequential(*hidden, nn.Linear(64, 10))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy."""
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum."""
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=self.decay)


def measure(size: Size) -> Outcome:
    """Train without and with weight decay, and with a large batch."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in PUBLISHED}
    treatments = {"decay 0": (0.0, 64), "decay 5e-3": (5e-3, 64), "batch 512": (5e-3, 512)}
    for stage, (decay, batch) in treatments.items():
        for seed in range(size.seeds):
            first, last = aligned(decay, batch, seed, 3000)
            for name, stages in found.items():
                stages.setdefault(stage, []).append(last[name])
                stages.setdefault("before", []).append(first[name])
    figures = []
    for name, stages in PUBLISHED.items():
        for stage, (low, high) in stages.items():
            ours = estimate(found[name][stage])
            published = f"{low:.2f} to {high:.2f} over layers, which the mean is to lie in"
            figures.append(Figure(f"{_said(name)}, {stage}", ours, published, low <= ours.mean <= high))
    difference = estimate(
        [
            a - b
            for name in found
            for a, b in zip(found[name]["decay 5e-3"], found[name]["batch 512"], strict=True)
        ]
    )
    figures.append(
        Figure(
            "alignment at batch 64 less that at batch 512, over relations",
            difference,
            "large batches align less; more than 0, by the whole interval",
            difference.low > 0,
        )
    )
    controls = [Control(f"{_said(name)}, batch 512", estimate(found[name]["batch 512"])) for name in found]
    return Outcome(
        figures,
        controls,
        remarks="Ten Gaussian clusters in 32 dimensions, 3000 steps of SGD with momentum; means over the "
        "hidden layers, as `RepresentationMonitor` logs them of a fixed probe.",
    )


def aligned(decay: float, batch: int, seed: int, steps: int) -> tuple[dict[str, float], dict[str, float]]:
    """Train one network.

    Args:
        decay: Weight decay.
        batch: Samples in a batch.
        seed: Of data, weights and batches.
        steps: Optimizer steps.

    Returns:
        Alignments by relation, averaged over the layers behind the first, before training and after.
    """
    data = clusters(Setting(seed=seed))
    monitor = RepresentationMonitor(
        ["model.2", "model.4"],
        every_n_steps=steps - 1,
        probe=data,
        probe_gradients=True,
        max_overhead=None,
        strict=True,
    )
    loader = batches(TensorDataset(*data), batch, seed)
    _, curves = train(lambda: Classifier(decay), loader, steps, [monitor], seed, log_every_n_steps=steps)
    values = {name: curves[f"symmetry/alignment_{name}"].values for name in PUBLISHED}
    return {n: v[0] for n, v in values.items()}, {n: v[-1] for n, v in values.items()}


def _said(name: str) -> str:
    direction, pair = name.split("_")
    return f"{direction} alignment of {pair[0].upper()} and {pair[1].upper()}"


REPRODUCTION = Reproduction(
    claim="In training, moments of features, gradients and weights align, more with weight decay.",
    source="Ziyin, Chuang, Galanti, Poggio, arXiv 2410.03006",
    measure=measure,
)
