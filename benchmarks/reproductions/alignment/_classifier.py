"""A small classifier, and the six alignments of its layers over training."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from benchmarks.reproductions.canonical import Setting, clusters
from benchmarks.reproductions.training import train
from lightning_symmetry import RepresentationMonitor
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches
from lightning_symmetry.functional import CanonicalAlignments

RELATIONS = CanonicalAlignments._fields


@dataclass(frozen=True)
class Alignments:
    """The alignments of one training.

    Attributes:
        values: One for each look, by relation; the first is before training.
        between: Optimizer steps from one look to the next.
    """

    values: dict[str, tuple[float, ...]]
    between: int

    def at(self, relation: str, step: int) -> float:
        """Read one relation.

        Args:
            relation: One of :data:`RELATIONS`.
            step: A multiple of ``between``.

        Returns:
            Its alignment after that many optimizer steps.
        """
        return self.values[relation][step // self.between]


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


def aligned(decay: float, batch: int, seed: int, steps: int, between: int) -> Alignments:
    """Train one network.

    Args:
        decay: Weight decay.
        batch: Samples in a batch.
        seed: Of weights and batches.
        steps: Optimizer steps.
        between: Those from one look to the next.

    Returns:
        Alignments averaged over the layers behind the first.
    """
    data = clusters(Setting())
    monitor = RepresentationMonitor(
        ["model.2", "model.4"],
        # one step less, so that a look is there before each time that is logged
        every_n_steps=between - 1,
        probe=data,
        probe_gradients=True,
        max_overhead=None,
        strict=True,
    )
    loader = batches(TensorDataset(*data), batch, seed)
    _, curves = train(lambda: Classifier(decay), loader, steps, [monitor], seed, log_every_n_steps=between)
    values = {name: curves[f"symmetry/alignment_{name}"].values for name in RELATIONS}
    return Alignments(values, between)


def said(relation: str) -> str:
    """Name a relation in words.

    Args:
        relation: One of :data:`RELATIONS`.

    Returns:
        Such as ``forward alignment of H and G``.
    """
    direction, pair = relation.split("_")
    return f"{direction} alignment of {pair[0].upper()} and {pair[1].upper()}"
