"""One look at all order parameters against one training step of the same model, in the same run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn

from benchmarks import models
from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters
from lightning_symmetry.metrics.space import Reader, spaces


@dataclass(frozen=True)
class Case:
    """A model, the batch of its training step, and its name in the table."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    classes: int


@dataclass(frozen=True)
class Cost:
    """Seconds, and what the arithmetic asks for."""

    name: str
    parameters: int
    step: float
    find: float
    look: float
    flops: float
    bytes: float
    peak: float


CASES = (
    Case("demo MLP 64-64-64-10, batch 128", models.demo_mlp, (128, 64), 10),
    Case("ResNet-18 (CIFAR), batch 64", models.resnet18_cifar, (64, 3, 32, 32), 10),
)


def run(repeat: int = 5) -> list[Cost]:
    """Time every case; medians of ``repeat`` alternating timings after a warm-up."""
    peak = _matmul_rate()
    return [_measure(case, repeat, peak) for case in CASES]


def table(costs: list[Cost]) -> str:
    """Write the costs as a Markdown table."""
    head = (
        "| model | parameters | training step | find (once) | one look | look / step | every 50 steps | "
        "share of matrix-product rate |\n|---|---|---|---|---|---|---|---|"
    )
    rows = [
        f"| {c.name} | {c.parameters:,} | {c.step * 1e3:.1f} ms | {c.find * 1e3:.0f} ms | "
        f"{c.look * 1e3:.1f} ms | {c.look / c.step:.2f} | {c.look / c.step / 50:.2%} | "
        f"{c.flops / c.look / c.peak:.0%} of {c.peak / 1e9:.0f} GFLOP/s; "
        f"{c.flops / 1e9:.2f} GFLOP, {c.bytes / 1e6:.1f} MB read |"
        for c in costs
    ]
    return "\n".join([head, *rows])


def _measure(case: Case, repeat: int, peak: float) -> Cost:
    torch.manual_seed(0)
    model = case.build()
    x, y = torch.randn(case.shape), torch.randint(0, case.classes, case.shape[:1])
    loss = partial(nn.functional.cross_entropy, target=y)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()

    find_symmetries(model, x, loss=loss)
    started = time.perf_counter()
    symmetries = find_symmetries(model, x, loss=loss)
    find = time.perf_counter() - started
    observe, params = OrderParameters(symmetries), dict(model.named_parameters())

    def look() -> None:
        torch.stack([v.double() for v in observe(params).values()]).tolist()

    times = _alternate([step, look], repeat)
    return Cost(
        case.name,
        sum(p.numel() for p in params.values()),
        times[0],
        find,
        times[1],
        _flops(symmetries, params),
        sum(p.numel() * p.element_size() for p in params.values()),
        peak,
    )


def _alternate(actions: list[Callable[[], None]], repeat: int) -> list[float]:
    """Median seconds of each action, taking turns so that a slow moment of the machine meets them all."""
    for action in actions:
        action()
    seconds: list[list[float]] = [[] for _ in actions]
    for _ in range(repeat):
        for action, record in zip(actions, seconds, strict=True):
            count = 1
            started = time.perf_counter()
            action()
            while time.perf_counter() - started < 0.05:
                action()
                count += 1
            record.append((time.perf_counter() - started) / count)
    return [statistics.median(record) for record in seconds]


def _flops(symmetries: Any, params: dict[str, torch.Tensor]) -> float:
    """The products that the definitions ask for: Gram matrices of all units, and of the writers per rank."""
    total, read = 0.0, Reader(params)
    for space in spaces(symmetries):
        copies, size = space.mover.copies, space.mover.size
        whole = sum(block.shape[-1] for block in read(space.incoming()[0]))
        writers = sum(block.shape[-1] for block in read(space.writers()))
        small, large = min(size, writers), max(size, writers)
        total += copies * (2 * size**2 * whole + 2 * 2 * small**2 * large)
    return total


def _matmul_rate(size: int = 1024) -> float:
    """Floating-point operations a second of a float32 matrix product on this machine."""
    a, b = torch.randn(size, size), torch.randn(size, size)
    (seconds,) = _alternate([lambda: torch.mm(a, b)], 5)  # type: ignore[list-item,return-value]
    return 2 * size**3 / seconds
