"""Along depth the rank of the features rises, falls and stays."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import RepresentationMonitor
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches, digits

DEPTH, WIDTH = 8, 64
STEPS = 2000


class Classifier(LightningModule):
    """A deep ReLU network of equal widths."""

    def __init__(self) -> None:
        super().__init__()
        sizes = [64, *[WIDTH] * DEPTH]
        hidden = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
        self.model = nn.Sequential(*hidden, nn.Linear(WIDTH, 10))
        for layer in self.model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy."""
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum and weight decay."""
        return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9, weight_decay=2e-3)


def measure(size: Size) -> Outcome:
    """Train a deep network and read the rank of what each layer reads."""
    profiles, starts = zip(*(profile(seed, STEPS) for seed in range(size.seeds)), strict=True)
    reduced = [ranks[-1] / max(ranks) for ranks in profiles]
    rises = [max(ranks) / ranks[0] for ranks in profiles]
    flat = [ranks[-1] / ranks[-3] for ranks in profiles]
    depths = list(range(len(profiles[0])))
    means = [[estimate([ranks[k] for ranks in runs]).mean for k in depths] for runs in (starts, profiles)]
    return Outcome(
        figures=[
            Figure(
                "largest rank over that of the images",
                estimate(rises),
                "expansion: more than 1, by the whole interval",
                estimate(rises).low > 1,
            ),
            Figure(
                "rank of what the classifier reads over the largest",
                estimate(reduced),
                "reduction: less than 0.8, by the whole interval",
                estimate(reduced).high < 0.8,
            ),
            Figure(
                "rank of what the classifier reads over that two layers before",
                estimate(flat),
                "transmission: within 10 % of 1",
                abs(estimate(flat).mean - 1) <= 0.1,
            ),
        ],
        panels=[
            Panel(
                "what the layers read",
                "depth",
                "effective rank of the features",
                [Line("before training", depths, means[0]), Line("after training", depths, means[1])],
            )
        ],
        remarks=f"ReLU network with {DEPTH} hidden layers of {WIDTH} units on digits; ranks are those of "
        "`RepresentationMonitor` on all training images.",
    )


def profile(seed: int, steps: int) -> tuple[list[float], list[float]]:
    """Train one network.

    Args:
        seed: Of weights and batches.
        steps: Optimizer steps.

    Returns:
        Effective ranks of what each layer reads, after and before training.
    """
    data = digits()
    monitor = RepresentationMonitor(
        every_n_steps=steps - 1, probe=data.train[:], probe_gradients=False, max_overhead=None, strict=True
    )
    _, curves = train(
        Classifier, batches(data.train, 64, seed), steps, [monitor], seed, log_every_n_steps=steps
    )
    found = [curves[f"symmetry/feature_rank/model.{2 * k}"] for k in range(DEPTH + 1)]
    return [curve.last for curve in found], [curve.values[0] for curve in found]


REPRODUCTION = Reproduction(
    claim="Over depth, the rank of the features rises, then falls, then stays.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 5",
    measure=measure,
)
