"""The early warning in real trainings."""

import lightning.pytorch
import torch
from torch import nn

from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.demo.data import batches, digits

from .runs import Classifier

ONSET = 150
"""The step from which on the decay grows."""


class Disturbed(Classifier):
    """A small network on real digits whose weight decay grows by a factor of e in 40 steps."""

    def __init__(self, strength: float) -> None:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            super().__init__(nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)))
        self.strength = strength

    def training_step(self, batch, batch_idx):
        if self.global_step >= ONSET:
            decay = self.strength * torch.tensor((self.global_step - ONSET) / 40).exp().item()
            self.optimizers().param_groups[0]["weight_decay"] = decay
        return super().training_step(batch, batch_idx)


class Looks(lightning.pytorch.Callback):
    """Keeps the alarms and the held-out accuracy of every look."""

    def __init__(self, monitor: SymmetryMonitor, held_out) -> None:
        self.monitor = monitor
        self.images, self.labels = held_out.tensors
        self.alarms: list[int] = []
        self.accuracies: dict[int, float] = {}

    @torch.no_grad()
    def on_train_batch_end(self, trainer, pl_module, *batch) -> None:
        if self.monitor.last_step == trainer.global_step:
            right = pl_module.model(self.images).argmax(dim=1) == self.labels
            self.accuracies[trainer.global_step] = right.double().mean().item()
            if trainer.callback_metrics["symmetry/collapse_risk"] > 0.5:
                self.alarms.append(trainer.global_step)


def trained(strength, steps, quiet) -> Looks:
    data, monitor = digits(), SymmetryMonitor(every_n_steps=10, max_overhead=None, strict=True)
    looks = Looks(monitor, data.test)
    trainer = lightning.pytorch.Trainer(**quiet, max_steps=steps, callbacks=[monitor, looks])
    trainer.fit(Disturbed(strength), batches(data.train, 64, seed=0))
    return looks


def test_a_healthy_training_raises_no_alarm(quiet):
    looks = trained(0.0, 250, quiet)
    assert looks.alarms == []
    assert list(looks.accuracies.values())[-1] > 0.9


def test_the_alarm_precedes_the_fall_of_accuracy(quiet):
    looks = trained(1e-3, 400, quiet)
    best = max(looks.accuracies.values())
    low = [step for step, accuracy in looks.accuracies.items() if accuracy < best - 0.02]
    fall = next(step for step in low if step > ONSET and step + 10 in low)
    assert looks.accuracies[400] < 0.8 < 0.9 < best
    assert ONSET < looks.alarms[0] < fall
