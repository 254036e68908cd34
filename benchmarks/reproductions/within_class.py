"""``python -m benchmarks within-class``: neural collapse with the symmetries of a network and without."""

from __future__ import annotations

import argparse
import logging
import warnings
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import nn

from benchmarks.generated import replace_part
from lightning_symmetry import RemoveSymmetry, RepresentationMonitor, Syre
from lightning_symmetry._compat import Callback, Trainer
from lightning_symmetry.demo.data import batches, digits
from lightning_symmetry.demo.module import DigitClassifier

README = Path(__file__).with_name("README.md")
WIDTH, HIDDEN, BATCH = 128, 5, 64
SHOWN = {
    "nc1_trace_ratio": "variance within / between classes",
    "nc1": "NC1",
    f"feature_rank/model.{2 * HIDDEN}": "rank of the features",
    "nc2_etf_distance": "distance from a simplex",
    "nc3": "NC3",
}


@dataclass(frozen=True)
class Setting:
    """One training.

    Attributes:
        decay: Weight decay.
        std: Size of syre's offset in units of the initial weights; None with all symmetries.
        seed: Of the weights and the batches.
        steps: Optimizer steps, along which the learning rate falls to zero as a cosine.
    """

    decay: float
    std: float | None
    seed: int
    steps: int


class Classifier(DigitClassifier):
    """A ReLU network with five hidden layers of 128 units, trained until it interpolates."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(penalty=setting.decay / 2, learning_rate=0.05)
        self.setting = setting
        sizes = [64, *[WIDTH] * HIDDEN]
        layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ReLU())]
        self.model = nn.Sequential(*layers, nn.Linear(WIDTH, 10))

    def configure_optimizers(self) -> Any:
        """Return the optimizer and the schedule of its learning rate."""
        optimizer = super().configure_optimizers()
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.setting.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--seeds", type=int, default=2, help="trainings of each kind")
    parser.add_argument("--steps", type=int, default=4000, help="of each training")
    parser.add_argument("--decays", type=float, nargs="+", default=[6e-3], help="weight decays")
    parser.add_argument("--stds", type=float, nargs="+", default=[0.1, 1.0], help="sizes of the offset")
    parser.add_argument("--write-readme", action="store_true", help=f"put the table into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Train and measure.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    found: dict[tuple[float, float | None], list[dict[str, float]]] = {}
    for decay in options.decays:
        for std in (None, *options.stds):
            for seed in range(options.seeds):
                values = measured(Setting(decay, std, seed, options.steps))
                found.setdefault((decay, std), []).append(values)
                print(f"decay {decay}, offset {std}, seed {seed}: {values}", flush=True)
    text = table(found)
    print(text)
    if options.write_readme:
        replace_part(README, "within-class", text)
    return 0


def measured(setting: Setting) -> dict[str, float]:
    """Train a network and read what the monitor logs of the training images, first and last.

    Args:
        setting: Which training.

    Returns:
        Values at the end by quantity, the ratio before the first step as ``initial``, and accuracies.
    """
    data = digits()
    images, labels = data.train[:]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.seed)
        module = Classifier(setting)
    monitor = RepresentationMonitor(
        every_n_steps=setting.steps, probe=(images, labels), max_overhead=None, strict=True
    )
    callbacks: list[Callback] = [monitor, _First()]
    if setting.std is not None:
        callbacks.append(RemoveSymmetry(Syre(std=setting.std, seed=setting.seed)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on loaders
        trainer = Trainer(
            accelerator="cpu",
            max_steps=setting.steps,
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(module, batches(data.train, BATCH, setting.seed))
    logged = trainer.callback_metrics
    values = {name: float(logged[f"symmetry/{name}"]) for name in SHOWN}
    values["initial"] = callbacks[1].value  # type: ignore[attr-defined]
    for name, (x, y) in {"train": (images, labels), "test": data.test[:]}.items():
        values[name] = (module(x).argmax(dim=1) == y).double().mean().item()
    return values


class _First(Callback):
    """Keeps the ratio of variances before the first step."""

    def on_before_backward(self, trainer: Any, pl_module: Any, loss: Any) -> None:
        if trainer.global_step == 0:
            self.value = float(trainer.callback_metrics["symmetry/nc1_trace_ratio"])


def table(found: dict[tuple[float, float | None], list[dict[str, float]]]) -> str:
    """Write all as a Markdown table.

    Args:
        found: Values of each seed by weight decay and size of the offset.

    Returns:
        The table: means over seeds.
    """
    head = ["decay", "syre's offset", f"{SHOWN['nc1_trace_ratio']}: before", "after"]
    head += [title for name, title in SHOWN.items() if name != "nc1_trace_ratio"]
    rows = [[*head, "accuracy: train", "test"]]
    rows.append(["---"] * len(rows[0]))
    names = ["initial", *SHOWN]
    for (decay, std), seeds in found.items():
        means = {name: sum(values[name] for values in seeds) / len(seeds) for name in seeds[0]}
        cells = [f"{decay:g}", "none" if std is None else f"{std:g}", *(f"{means[n]:.3g}" for n in names)]
        rows.append([*cells, *(f"{means[name]:.1%}" for name in ("train", "test"))])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
