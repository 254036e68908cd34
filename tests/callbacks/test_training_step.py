"""A training step is run for its loss alone: it prints, logs, counts and updates nothing in a trace."""

import functools
import logging
import random
from types import SimpleNamespace

import lightning.pytorch
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torchmetrics import MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy

from lightning_symmetry import SymmetryMonitor

from .runs import Classifier, Memory, fit
from .steps import HIDDEN, OF_THE_LOSS, Step, checking, found, watched


def reading(module, batch, batch_idx):
    """Logs, prints and keeps numbers."""
    loss = module.loss(batch)
    module.log("number", loss.item())
    module.print(f"{loss.item():.3f}")
    print(loss, flush=True)
    logging.getLogger("user").warning("loss %s", loss)
    module.losses.append(loss.item())
    module.total += loss.item()
    assert len(module.losses) == batch_idx + 1
    return {"loss": loss, "extra": None}


def keeping(module, batch, batch_idx):
    """Keeps tensors in an object of its own, and averages them."""
    loss = module.loss(batch)
    module.keeper.values.append(loss.detach())
    module.keeper.mean = sum(module.keeper.values) / len(module.keeper.values)
    return loss


HISTORY = []


@functools.cache
def weights(size: int) -> torch.Tensor:
    return torch.ones(size)


def remembering(module, batch, batch_idx):
    """Uses a global list and a cached function."""
    loss = module.loss((batch[0] * weights(6), batch[1]))
    HISTORY.append(loss.detach())
    assert sum(HISTORY).shape == ()
    return loss


def drawing(module, batch, batch_idx):
    """Draws from generators of its own, and from those of Python."""
    kept = torch.from_numpy(module.rng.random(batch[0].shape) < 0.8)
    scale = 1 + random.random() + np.random.rand() + torch.rand(()) + torch.rand((), generator=module.own)
    return module.loss((batch[0] * kept * scale, batch[1]))


def measuring(module, batch, batch_idx):
    """Counts with metrics."""
    logits = module.model(batch[0])
    scores = module.scores(logits, batch[1])
    module.mean.update(logits.mean())
    module.log_dict(scores)
    module.log("mean", module.mean.compute())
    return F.cross_entropy(logits, batch[1]) + 0 * scores["accuracy"]


def reporting(module, batch, batch_idx):
    """Talks to its logger and its trainer."""
    loss = module.loss(batch)
    module.logger.experiment.add_scalar("loss", loss, module.global_step)
    with module.logger.experiment.section(loss)["x"] as section:
        section[0] = loss
    module.trainer.latest = loss
    return loss


def metrics():
    return {
        "scores": MetricCollection(
            {"accuracy": MulticlassAccuracy(3), "top": MulticlassAccuracy(3, top_k=2)}
        ),
        "mean": MeanMetric(),
    }


STEPS = {
    "plain": lambda: Classifier(),
    "reading": lambda: Step(reading, losses=[], total=0.0),
    "keeping": lambda: Step(keeping, keeper=SimpleNamespace(values=[], mean=None)),
    "remembering": lambda: HISTORY.clear() or weights.cache_clear() or Step(remembering),
    "drawing": lambda: Step(drawing, rng=np.random.default_rng(0), own=torch.Generator().manual_seed(1)),
    "measuring": lambda: Step(measuring, **metrics()),
}


@pytest.mark.parametrize("build", STEPS.values(), ids=STEPS)
def test_the_loss_of_the_step_is_seen(build, quiet, capsys, caplog):
    monitor = watched(build, quiet)
    assert found(monitor) >= HIDDEN | OF_THE_LOSS
    shown = capsys.readouterr().out + caplog.text
    assert "FakeTensor" not in shown
    assert "nan" not in shown


class Recorder(Memory):
    """A logger whose experiment wants real numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.numbers: list[float] = []

    @property
    def experiment(self):
        return self

    def add_scalar(self, name, value, step) -> None:
        self.numbers.append(float(value.detach()))

    def section(self, value):
        self.numbers.append(float(value.detach()))
        return {"x": self}

    def __enter__(self):
        return {}

    def __exit__(self, *error) -> None:
        return None


def test_loggers_and_the_trainer_hear_nothing_of_the_trace(quiet):
    logger = Recorder()
    module, monitor = Step(reporting), SymmetryMonitor(strict=True)
    trainer = fit(module, [monitor], quiet, max_steps=3, logger=logger)
    assert found(monitor) >= HIDDEN | OF_THE_LOSS
    assert len(logger.numbers) == 6
    assert trainer.loggers == [logger]
    assert isinstance(trainer.latest.item(), float)


class OneArgument(Classifier):
    def training_step(self, batch):
        return super().training_step(batch, 0)


class AnyArguments(Classifier):
    def training_step(self, *args):
        return super().training_step(*args)


@pytest.mark.parametrize("build", [OneArgument, AnyArguments])
def test_steps_of_any_signature(build, quiet):
    monitor = watched(build, quiet)
    assert found(monitor) >= HIDDEN | OF_THE_LOSS


class Adversaries(lightning.pytorch.LightningModule):
    """Two optimizers, one with a closure, gradients accumulated by hand, rates changed in passing."""

    def __init__(self, check: bool = False) -> None:
        super().__init__()
        self.automatic_optimization, self.check = False, check
        self.maker = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 6))
        self.critic = nn.Sequential(nn.Linear(6, 10), nn.LeakyReLU(), nn.Linear(10, 1))

    def training_step(self, batch, batch_idx):
        first, second = self.optimizers()
        made = self.maker(batch[0][:, :3])
        with first.toggle_model():
            loss = F.softplus(-self.critic(made)).mean()
            if self.check and loss.isnan():
                raise ValueError("diverged")
            first.zero_grad()
            self.manual_backward(loss)
            self.clip_gradients(first, 1.0, "norm")
            first.step()

        def closure():
            loss = F.softplus(self.critic(made.detach())).mean() + F.softplus(-self.critic(batch[0])).mean()
            second.zero_grad()
            self.manual_backward(loss)
            return loss

        second.step(closure=closure)
        for group in second.param_groups:
            group["lr"] *= 0.9
        self.lr_schedulers().step()

    def configure_optimizers(self):
        first, second = (torch.optim.Adam(part.parameters(), 0.01) for part in (self.maker, self.critic))
        return [first, second], [torch.optim.lr_scheduler.StepLR(first, 2)]

    train_dataloader = Classifier.train_dataloader


@pytest.mark.parametrize("check", [False, True])
def test_manual_optimization_of_two_networks(check, quiet):
    monitor = watched(lambda: Adversaries(check), quiet)
    expected = {("permutation", n) for n in (8, 10)} | {("positive_scaling", n) for n in (8, 10)}
    assert found(monitor) >= expected


class Noting(nn.Linear):
    """Notes the precision that it runs in."""

    def forward(self, x):
        self.notes.add((torch.is_autocast_enabled("cpu"), x.dtype, self.weight.dtype))
        return super().forward(x)


@pytest.mark.parametrize(
    ("precision", "expected"),
    [
        ("32-true", (False, torch.float32, torch.float32)),
        ("bf16-mixed", (True, torch.float32, torch.float32)),
        ("bf16-true", (False, torch.bfloat16, torch.bfloat16)),
        ("64-true", (False, torch.float64, torch.float64)),
    ],
)
@pytest.mark.parametrize(
    "step", [lambda module, batch, i: module.loss(batch), checking], ids=["loss", "forward"]
)
def test_the_trace_runs_in_the_precision_of_training(precision, expected, step, quiet, monkeypatch):
    monkeypatch.setattr(Noting, "notes", set(), raising=False)
    model = nn.Sequential(Noting(6, 12), nn.ReLU(), nn.Linear(12, 3))
    module, monitor = Step(step, model, example_input_array=torch.zeros(2, 6)), SymmetryMonitor(strict=True)
    fit(module, [monitor], quiet, max_steps=1, precision=precision)
    assert Noting.notes == {expected}
    assert found(monitor) >= {("permutation", 12), ("positive_scaling", 12)}
