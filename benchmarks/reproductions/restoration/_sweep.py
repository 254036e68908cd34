"""One network on digits, trained while one thing is varied, and what is left of its units."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from scipy.stats import spearmanr
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.training import train
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches, digits

QUANTITIES = ("distinct_units", "effective_rank")


@dataclass(frozen=True)
class Treatment:
    """What a training is done with.

    Attributes:
        decay: Weight decay.
        rate: Learning rate.
        batch: Images in a batch.
        jitter: Standard deviation of noise on the images, drawn anew for every batch.
        steps: Optimizer steps.
    """

    decay: float = 1e-3
    rate: float = 0.1
    batch: int = 64
    jitter: float = 0.0
    steps: int = 1200


class Classifier(LightningModule):
    """A ReLU network 64-64-64-10."""

    def __init__(self, treatment: Treatment) -> None:
        super().__init__()
        self.treatment = treatment
        self.model = nn.Sequential(
            nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)
        )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy of jittered images."""
        images, labels = batch
        if self.treatment.jitter:
            images = images + self.treatment.jitter * torch.randn_like(images)
        return cross_entropy(self.model(images), labels)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain SGD."""
        return torch.optim.SGD(self.parameters(), lr=self.treatment.rate, weight_decay=self.treatment.decay)


def trained(treatment: Treatment, seed: int) -> dict[str, float]:
    """Train once.

    Args:
        treatment: What it is done with.
        seed: Of weights and batches.

    Returns:
        What the monitor saw last, by quantity, and ``accuracy`` on held-out images.
    """
    data = digits()
    monitor = SymmetryMonitor(every_n_steps=treatment.steps - 1, max_overhead=None, strict=True)
    module, curves = train(
        lambda: Classifier(treatment),
        batches(data.train, treatment.batch, seed),
        treatment.steps,
        [monitor],
        seed,
        log_every_n_steps=treatment.steps,
    )
    images, labels = data.test[:]
    accuracy = (module.model(images).argmax(dim=1) == labels).double().mean()
    return {name: curves[f"symmetry/{name}"].last for name in QUANTITIES} | {"accuracy": float(accuracy)}


def swept(
    what: str,
    treatments: dict[float, Treatment],
    law: int,
    seeds: int,
    remarks: str,
    of: Callable[[float], str] = "{:g}".format,
) -> Outcome:
    """Train over a sweep and judge whether units are lost or kept along it.

    Args:
        what: What is varied.
        treatments: A treatment for each value of it.
        law: -1 if larger values restore symmetries, so that units and ranks are lost, 1 if they break them.
        seeds: Trainings of each kind.
        remarks: What is to be said.
        of: Writes a value.

    Returns:
        The outcome.
    """
    found = {
        value: [trained(treatment, seed) for seed in range(seeds)] for value, treatment in treatments.items()
    }
    figures, panels = [], []
    for name in QUANTITIES:
        along = estimate(
            [_correlation(list(found), [runs[s][name] for runs in found.values()]) for s in range(seeds)]
        )
        says = "restores: less than 0" if law < 0 else "breaks: more than 0"
        figures.append(
            Figure(
                f"rank correlation of {name.replace('_', ' ')} with the {what}",
                along,
                f"{says}, by the whole interval",
                (along.high if law < 0 else -along.low) < 0,
            )
        )
        means = [estimate([run[name] for run in runs]).mean for runs in found.values()]
        panels.append(Panel(name.replace("_", " "), what, "", [Line("", list(found), means, marks=True)]))
    controls = [
        Control(f"{name.replace('_', ' ')} at {of(value)}", estimate([run[name] for run in found[value]]))
        for name in (*QUANTITIES, "accuracy")
        for value in (min(found), max(found))
    ]
    return Outcome(figures, controls, panels, remarks)


def _correlation(values: Sequence[float], measured: Sequence[float]) -> float:
    # what does not change at all has no ranks
    return float(spearmanr(values, measured).statistic) if len(set(measured)) > 1 else 0.0
