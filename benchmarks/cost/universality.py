"""What it costs to compare two networks: their linear alignment over a data set, three ways."""

from __future__ import annotations

import gc
import io
import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from benchmarks.cost.machine import Machine
from benchmarks.cost.observation.cases import CASES
from benchmarks.cost.observation.timing import Timing, alternate
from benchmarks.cost.peak import risen
from benchmarks.cost.section import Section, markdown

BATCH = 128
SAMPLES = (1024, 4096)
LAYER = "4"  # the third of 1024 units, before its ReLU
STEP, FORWARD, OURS, NAIVE, PEER = (
    "training step",
    "forward passes",
    "UnbiasedLinearCKA",
    "n × n",
    "torch-cka",
)


@dataclass(frozen=True)
class Result:
    """What one way took for one data set.

    Attributes:
        samples: How many there were.
        name: Of the way.
        time: For all samples, with the forward passes.
        memory: Bytes by which the memory rose, at most.
        value: The alignment that it found, if it looks for one.
    """

    samples: int
    name: str
    time: Timing
    memory: float
    value: float | None


def section(machine: Machine, repeat: int, models: Sequence[str] | None) -> Section:
    """Race the ways over two MLPs.

    Args:
        machine: Where.
        repeat: Timings of each figure.
        models: Of no concern here: which network it is hardly matters.

    Returns:
        What each way costs.
    """
    torch.manual_seed(0)
    networks = [CASES["mlp"].build().to(machine.device) for _ in range(2)]
    results = [
        result
        for samples in SAMPLES
        for result in _race(networks, torch.randn(samples, 784, device=machine.device), repeat)
    ]
    return Section("alignment", f"Batches of {BATCH}.\n\n{table(results)}", results)


def table(results: list[Result]) -> str:
    """Write the results as a Markdown table, in units of the training step where they are times."""
    rows = []
    for one in results:
        step = next(r.time.seconds for r in results if r.name == STEP and r.samples == one.samples)
        batches = 1 if one.name == STEP else one.samples / BATCH
        share, memory = f"{one.time.seconds / batches / step:.2f}", f"{one.memory / 2**20:.0f} MiB"
        value = "" if one.value is None else f"{one.value:.6f}"
        rows.append([str(one.samples), one.name, str(one.time), share, memory, value])
    return markdown(("samples", "what", "time", "a batch / training step", "memory", "alignment"), rows)


def _race(models: list[nn.Module], x: Tensor, repeat: int) -> list[Result]:
    actions: dict[str, Callable[[], float | None]] = {
        STEP: _step(models[0], x[:BATCH]),
        FORWARD: lambda: _forward(models, x),
    }
    actions |= {OURS: lambda: _ours(models, x), NAIVE: lambda: _naive(models, x)}
    if find_spec("torch_cka"):
        actions[PEER] = lambda: _peer(models, x)
    else:
        print("torch-cka: left out, torch_cka is not installed (it is in the extra `peers`)")
    values, memory = {}, {}
    for name, action in actions.items():
        gc.collect()
        values[name], memory[name] = risen(action, x.device)
    times = alternate(actions, repeat, x.device)
    return [Result(len(x), name, times[name], memory[name], values[name]) for name in actions]


def _step(model: nn.Module, x: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)  # the models stay as they are
    y = torch.randint(10, (len(x),), device=x.device)

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    return step


@torch.no_grad()
def _features(models: list[nn.Module], batch: Tensor) -> list[Tensor]:
    return [model[: int(LAYER) + 1](batch) for model in models]  # type: ignore[index]


def _forward(models: list[nn.Module], x: Tensor) -> None:
    for batch in x.split(BATCH):
        _features(models, batch)


def _ours(models: list[nn.Module], x: Tensor) -> float:
    from lightning_symmetry.metrics import UnbiasedLinearCKA

    metric = UnbiasedLinearCKA().to(x.device)
    for batch in x.split(BATCH):
        metric.update(*_features(models, batch))
    return metric.compute().item()


def _naive(models: list[nn.Module], x: Tensor) -> float:
    """Keep all features, and follow the definition with kernels of all samples (Song et al. 2012, eq. 5)."""
    batches = [_features(models, batch) for batch in x.split(BATCH)]
    sides = [torch.cat(side).double() for side in zip(*batches, strict=True)]
    k, l = ((side @ side.mT).fill_diagonal_(0) for side in sides)  # noqa: E741
    n = len(x)

    def criterion(one: Tensor, other: Tensor) -> Tensor:
        rows, columns = one.sum(0), other.sum(0)
        middle = rows.sum() * columns.sum() / ((n - 1) * (n - 2))
        return (one * other).sum() + middle - 2 / (n - 2) * (rows @ columns)

    return (criterion(k, l) / (criterion(k, k) * criterion(l, l)).sqrt()).item()


def _peer(models: list[nn.Module], x: Tensor) -> float:
    """torch-cka as it is: the criterion of every batch on its own, averaged."""
    from torch_cka import CKA

    batches = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x), BATCH)
    talk = io.StringIO()  # the progress bar
    with redirect_stderr(talk), warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        sides = {"model1_layers": [LAYER], "model2_layers": [LAYER]}
        alignment = CKA(*models, "one", "other", **sides, device=x.device.type)
        alignment.compare(batches)
    for model in models:  # whose hooks torch-cka leaves behind
        for layer in model.modules():
            layer._forward_hooks.clear()
    return alignment.export()["CKA"].item()
