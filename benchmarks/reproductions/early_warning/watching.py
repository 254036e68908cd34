"""One training under the eyes of the monitor, with the held-out accuracy at every look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim import Optimizer

from benchmarks.reproductions.early_warning.scenarios import Scenario
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry._compat import Callback, LightningModule, Trainer
from lightning_symmetry.demo.data import Digits, batches

RISK = "symmetry/collapse_risk"


@dataclass
class History:
    """What was seen in one training.

    Attributes:
        steps: The steps of the looks.
        accuracies: Held-out accuracy at each look.
        values: What the monitor logged at each look.
    """

    steps: list[int] = field(default_factory=list)
    accuracies: list[float] = field(default_factory=list)
    values: list[dict[str, float]] = field(default_factory=list)


class Classifier(LightningModule):
    """A network with its optimizer."""

    def __init__(self, network: nn.Module, optimize: Callable[[Iterable[nn.Parameter]], Optimizer]) -> None:
        super().__init__()
        self.model = network
        self.optimize = optimize

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Compute the cross-entropy.

        Args:
            batch: Images and labels.
            batch_idx: Index of the batch.

        Returns:
            The mean loss.
        """
        images, labels = batch
        return cross_entropy(self.model(images), labels)

    def configure_optimizers(self) -> Optimizer:
        """Return the optimizer.

        Returns:
            The optimizer.
        """
        return self.optimize(self.parameters())


class Witness(Callback):
    """Changes the optimizer as scheduled, and writes the history."""

    def __init__(
        self, monitor: SymmetryMonitor, schedule: Callable[[int], Mapping[str, float]], digits: Digits
    ) -> None:
        self.monitor = monitor
        self.schedule = schedule
        self.images, self.labels = digits.test.tensors
        self.history = History()

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Set what is scheduled for this step.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The batch and its index.
        """
        for group in trainer.optimizers[0].param_groups:
            group.update(self.schedule(trainer.global_step))

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Measure the accuracy if the monitor has just looked.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The outputs, the batch and its index.
        """
        if self.monitor.last_step != trainer.global_step:
            return
        found = {key: float(value) for key, value in trainer.callback_metrics.items()}
        self.history.steps.append(trainer.global_step)
        self.history.values.append(
            {key: value for key, value in found.items() if key.startswith("symmetry/")}
        )
        self.history.accuracies.append(self._accuracy(pl_module.model))

    @torch.no_grad()
    def _accuracy(self, network: nn.Module) -> float:
        # running statistics are read, not written; nothing draws a random number
        network.eval()
        right = network(self.images).argmax(dim=1) == self.labels
        network.train()
        return float(right.float().mean())


def watch(scenario: Scenario, seed: int, digits: Digits) -> History:
    """Train once.

    Args:
        scenario: What to train.
        seed: Seed of the weights and of the order of the images.
        digits: The data.

    Returns:
        What was seen.
    """
    monitor = SymmetryMonitor(every_n_steps=scenario.every, max_overhead=None, strict=True)
    witness = Witness(monitor, scenario.schedule, digits)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        max_steps=scenario.steps,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        # the monitor first: the witness reads what it has just logged
        callbacks=[monitor, witness],
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = Classifier(scenario.build(), scenario.optimize)
        trainer.fit(module, batches(digits.train, 64, seed))
    return witness.history
