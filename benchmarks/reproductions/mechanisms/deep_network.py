"""The order parameters of the solvable model tell the phases of a deep nonlinear network apart too."""

from __future__ import annotations

import copy
import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches, digits
from lightning_symmetry.functional import feature_learning, mechanisms

SCALES = (0.3, 1.0, 3.0, 10.0, 30.0)
STEPS = 200


class LazyClassifier(LightningModule):
    """A tanh network whose change of output is magnified, which makes it lazy where that is large.

    Args:
        scale: By how much; learning rates fall with its square, so that outputs learn at the same pace.
    """

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.model = nn.Sequential(
            nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 10)
        )
        self.initial = copy.deepcopy(self.model).requires_grad_(False)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The mean squared error of the magnified change."""
        images, labels = batch
        outputs = self.scale * (self.model(images) - self.initial(images))
        loss = (outputs - nn.functional.one_hot(labels, 10)).square().sum(dim=1).mean() / 2
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.model.parameters(), lr=0.1 / self.scale**2)


def measure(size: Size) -> Outcome:
    """Train over magnifications and measure both pairs of consecutive layers."""
    found: dict[float, list[float]] = {scale: [] for scale in SCALES}
    aligned: dict[float, list[float]] = {scale: [] for scale in SCALES}
    distances: dict[float, list[float]] = {scale: [] for scale in SCALES}
    losses: list[float] = []
    for scale in SCALES:
        for seed in range(size.seeds):
            order, moved, aligning, loss = learned(scale, seed, STEPS * (10 if size.full else 1))
            found[scale].append(order)
            distances[scale].append(moved)
            aligned[scale].append(aligning)
            losses.append(loss)
    falls = [
        float(all(found[a][seed] > found[b][seed] for a, b in pairwise(SCALES))) for seed in range(size.seeds)
    ]
    order, moved = (
        estimate([_power(each[SCALES[0]][seed], each[SCALES[-1]][seed]) for seed in range(size.seeds)])
        for each in (found, distances)
    )
    means = [estimate(found[scale]).mean for scale in SCALES]
    return Outcome(
        figures=[
            Figure(
                "share of seeds in which ½ |ln z| falls with every step towards laziness",
                estimate(falls),
                "vanishes in the kernel phase; all",
                min(falls) == 1,
            ),
            Figure(
                "power of the magnification with which weights move",
                moved,
                "lazy training: -1 (Chizat, Oyallon, Bach, arXiv 1812.07956); within 0.1",
                abs(moved.mean + 1) < 0.1,
            ),
            Figure(
                "power of the magnification with which ½ |ln z| vanishes",
                order,
                "not slower than weights come to rest: at most -1, by the whole interval",
                order.high <= -1,
            ),
        ],
        controls=[
            Control("training loss at the end, over all magnifications", estimate(losses)),
            *(
                Control(
                    f"growth of the layers' product by alignment (log), magnified {scale:g}", estimate(values)
                )
                for scale, values in aligned.items()
            ),
        ],
        panels=[
            Panel(
                "order parameter of feature learning",
                "magnification of the output",
                "½ |ln z|",
                [Line("layers 1 and 2 of a tanh network", SCALES, means)],
                log="xy",
            )
        ],
        remarks="A tanh network 64-64-64-10 on scikit-learn's digits, squared error; the first two layers.",
    )


def learned(scale: float, seed: int, steps: int) -> tuple[float, float, float, float]:
    """Train one network.

    Args:
        scale: Magnification of the output.
        seed: Of weights and batches.
        steps: Optimizer steps.

    Returns:
        ½ |ln z| of the first two layers, how far they moved relative to their size, what
        alignment adds to the growth of their product, and the loss.
    """
    module, curves = train(
        lambda: LazyClassifier(scale), batches(digits().train, 128, seed), steps, seed=seed
    )
    before, after = (_layers(network) for network in (module.initial, module.model))
    order = float(feature_learning(before, after))
    moved = math.hypot(*((b - a).norm() for a, b in zip(before, after, strict=True)))
    return (
        order,
        moved / math.hypot(*(a.norm() for a in before)),
        float(mechanisms(before, after).alignment),
        curves["loss"].last,
    )


def _power(first: float, last: float) -> float:
    return math.log(last / first) / math.log(SCALES[-1] / SCALES[0])


def _layers(network: nn.Sequential) -> tuple[Tensor, Tensor]:
    first, second = (network.get_parameter(f"{i}.weight").detach().double() for i in (0, 2))
    return first, second.mT


REPRODUCTION = Reproduction(
    claim="Order parameters of the solvable model tell kernel from feature learning in a deep network too.",
    source="Xu, Ziyin, arXiv 2401.07085, Sec. 5",
    measure=measure,
    seeds=3,
)
