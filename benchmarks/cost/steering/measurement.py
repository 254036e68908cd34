"""Time the training steps of one model, plain and steered, with one optimizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from benchmarks.cost.observation.cases import Case
from benchmarks.cost.observation.timing import CPU, Timing, alternate
from benchmarks.cost.steering.watch import Watch
from benchmarks.cost.steering.ways import OPTIMIZERS, WAYS


@dataclass(frozen=True)
class Steered:
    """What a training step takes in one way.

    Attributes:
        model: What is trained.
        optimizer: Its name.
        way: How it is steered.
        step: Forward, backward and update.
        update: The optimizer's step by itself, hooks included.
        moved: Bytes that all operations of a step read and write, caches left out of account.
        kept: Bytes of all tensors from step to step: parameters, gradients, state, offsets.
        most: Bytes of all tensors that are alive at once in a step, at most.
    """

    model: str
    optimizer: str
    way: str
    step: Timing
    update: Timing
    moved: float
    kept: int
    most: int


def measure(
    case: Case,
    batch: int,
    optimizer: str,
    ways: Sequence[str],
    repeat: int,
    device: torch.device = CPU,
    enough: float = 60.0,
) -> list[Steered]:
    """Build a model for each way, and time their steps in turn.

    Args:
        case: Which model.
        batch: How many samples of its batch a step takes.
        optimizer: One of ``OPTIMIZERS``.
        ways: Some of ``WAYS``.
        repeat: Timings of each.
        device: Where the models are.
        enough: Seconds of timings after which a way is left out of further rounds.

    Returns:
        A result for each way.
    """
    torch.manual_seed(0)
    x, y = (tensor.to(device) for tensor in first(batch, *case.batch()))
    steps: dict[str, Callable[[], object]] = {}
    updates: dict[str, Callable[[], object]] = {}
    counts = {}
    for way in ways:
        torch.manual_seed(0)
        with Watch() as watch:
            steps[way], updates[way] = prepared(way, case.build().to(device), optimizer, x, y)
            steps[way]()
            kept = watch.alive
            watch.reset()
            steps[way]()
        counts[way] = (watch.moved, kept, watch.most)
    step_times = alternate(steps, repeat, device, enough)
    update_times = alternate(updates, repeat, device, enough)
    return [
        Steered(case.title, optimizer, way, step_times[way], update_times[way], *counts[way]) for way in ways
    ]


def prepared(
    way: str, model: nn.Module, optimizer: str, x: Tensor, y: Tensor
) -> tuple[Callable[[], object], Callable[[], object]]:
    """Steer a model.

    Args:
        way: One of ``WAYS``.
        model: The model, which is changed.
        optimizer: One of ``OPTIMIZERS``.
        x: Inputs.
        y: Targets.

    Returns:
        A training step, and the update by itself.
    """
    forward, updater = WAYS[way](model, OPTIMIZERS[optimizer])

    def step() -> None:
        updater.zero_grad()
        nn.functional.cross_entropy(forward(x), y).backward()
        updater.step()

    return step, updater.step


def first(batch: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Keep so many samples; a sample may have several targets, which follow each other."""
    return x[:batch], y.unflatten(0, (len(x), -1))[:batch].flatten()
