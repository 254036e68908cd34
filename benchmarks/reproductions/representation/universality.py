"""Networks that are trained independently come to have the same representation."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches, digits
from lightning_symmetry.metrics import InnerProductCorrelation, LinearCKA, MutualNearestNeighbours

STEPS = 1200
METRICS = {
    "correlation of inner products": InnerProductCorrelation,
    "linear CKA": LinearCKA,
    "mutual nearest neighbours": MutualNearestNeighbours,
}


class Classifier(LightningModule):
    """A ReLU network without biases on centred images, which may be turned before it sees them.

    Args:
        rotation: Orthogonal matrix that turns the images; None leaves them.
    """

    mean: Tensor
    rotation: Tensor

    def __init__(self, rotation: Tensor | None = None) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(64, 128, bias=False),
            nn.ReLU(),
            nn.Linear(128, 128, bias=False),
            nn.ReLU(),
            nn.Linear(128, 10),
        )
        self.register_buffer("mean", digits().train[:][0].mean(dim=0))
        self.register_buffer("rotation", torch.eye(64) if rotation is None else rotation)

    def features(self, images: Tensor) -> Tensor:
        """What the last layer reads."""
        return self.model[:4]((images - self.mean) @ self.rotation)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy."""
        return nn.functional.cross_entropy(self.model[4](self.features(batch[0])), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum and weight decay."""
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-3)


def measure(size: Size) -> Outcome:
    """Compare pairs of networks before and after training, with plain and with turned images."""
    figures, controls = [], []
    rotation = torch.linalg.qr(torch.randn(64, 64, generator=torch.Generator().manual_seed(0)))[0]
    for what, turned in {"trained independently": None, "one of them on turned images": rotation}.items():
        before: dict[str, list[float]] = {name: [] for name in METRICS}
        after: dict[str, list[float]] = {name: [] for name in METRICS}
        for seed in range(size.seeds):
            for found, steps in ((before, 0), (after, STEPS)):
                for name, value in agreement(seed, steps, turned).items():
                    found[name].append(value)
        for name in METRICS:
            gain = estimate([b - a for a, b in zip(before[name], after[name], strict=True)])
            figures.append(
                Figure(
                    f"gain of {name} by training, {what}",
                    gain,
                    "representations become the same; more than 0, by the whole interval",
                    gain.low > 0,
                )
            )
            controls += [
                Control(f"{name} before, {what}", estimate(before[name])),
                Control(f"{name} after, {what}", estimate(after[name])),
            ]
    return Outcome(
        figures,
        controls,
        remarks="ReLU network 64-128-128-10 on digits; what the last layer reads of held-out images.",
    )


def agreement(seed: int, steps: int, rotation: Tensor | None) -> dict[str, float]:
    """Compare two networks.

    Args:
        seed: Of both, which differ in it.
        steps: Optimizer steps of each; none at all for 0.
        rotation: Turns the images of the second one.

    Returns:
        Agreement of their features of held-out images, by metric.
    """
    data = digits()
    images = data.test[:][0]
    features = []
    for number, turn in enumerate((None, rotation)):
        own = 2 * seed + number
        if steps:
            module, _ = train(
                lambda turn=turn: Classifier(turn), batches(data.train, 64, own), steps, seed=own
            )  # type: ignore[misc]
        else:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(own)
                module = Classifier(turn)
        features.append(module.features(images).detach())
    found = {}
    for name, make in METRICS.items():
        metric = make()
        metric.update(*features)
        value = metric.compute()
        found[name] = float(value["overlap"] if isinstance(value, dict) else value)
    return found


REPRODUCTION = Reproduction(
    claim="Independently trained networks come to represent the same, rotated inputs or not.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 5",
    measure=measure,
)
