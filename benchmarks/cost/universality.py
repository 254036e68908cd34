"""``python -m benchmarks cka``: linear alignment of two networks over a data set, three ways."""

from __future__ import annotations

import argparse
import gc
import io
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.cost.observation.cases import CASES
from benchmarks.cost.zoo.memory import peak_since, reset_peak
from benchmarks.generated import replace_part

README = Path(__file__).parent / "README.md"
BATCH = 128
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
        seconds: For all samples, with the forward passes.
        memory: Bytes by which the resident memory rose, at most.
        value: The alignment that it found.
    """

    samples: int
    name: str
    seconds: float
    memory: float
    value: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("--samples", type=int, nargs="+", default=[1024, 4096], help="sizes of the data set")
    parser.add_argument("--repeat", type=int, default=3, help="timings of each figure; the median counts")
    parser.add_argument("--write-readme", action="store_true", help=f"put the table into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Race the ways.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    torch.manual_seed(0)
    models = [CASES["mlp"].build() for _ in range(2)]
    results: list[Result] = []
    for samples in options.samples:
        results += _race(models, torch.randn(samples, 784), options.repeat)
    head = f"Batches of {BATCH}, {torch.get_num_threads()} threads, torch {torch.__version__}:"
    text = f"{head}\n\n{table(results)}"
    print(text)
    if options.write_readme:
        replace_part(README, "cka", text)
    return 0


def table(results: list[Result]) -> str:
    """Write the results as a Markdown table, in units of the training step where they are times."""
    lines = [
        "| samples | what | time | a batch / training step | memory | alignment |",
        "|---|---|---|---|---|---|",
    ]
    for one in results:
        step = next(r.seconds for r in results if r.name == STEP and r.samples == one.samples)
        batches = 1 if one.name == STEP else one.samples / BATCH
        value = "" if one.value != one.value else f"{one.value:.6f}"
        lines.append(
            f"| {one.samples} | {one.name} | {one.seconds * 1e3:.4g} ms | {one.seconds / batches / step:.2f} "
            f"| {one.memory / 2**20:.0f} MiB | {value} |"
        )
    return "\n".join(lines)


def _race(models: list[nn.Module], x: Tensor, repeat: int) -> list[Result]:
    from benchmarks.cost.observation.timing import alternate

    actions = {STEP: _step(models[0], x[:BATCH]), FORWARD: lambda: _forward(models, x)}
    actions |= {OURS: lambda: _ours(models, x), NAIVE: lambda: _naive(models, x)}
    if find_spec("torch_cka"):
        actions[PEER] = lambda: _peer(models, x)
    else:
        print("torch-cka: left out, torch_cka is not installed (it is in the extra `peers`)")
    values, memory = {}, {}
    for name, action in actions.items():
        gc.collect()
        reset_peak()
        found = action()
        memory[name], values[name] = peak_since(), float("nan") if found is None else found
    times = alternate(actions, repeat)
    return [Result(len(x), name, times[name].seconds, memory[name], values[name]) for name in actions]


def _step(model: nn.Module, x: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9)  # the models stay as they are
    y = torch.randint(10, (len(x),))

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

    metric = UnbiasedLinearCKA()
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
        alignment = CKA(*models, "one", "other", model1_layers=[LAYER], model2_layers=[LAYER])
        alignment.compare(batches)
    for model in models:  # whose hooks torch-cka leaves behind
        for layer in model.modules():
            layer._forward_hooks.clear()
    return alignment.export()["CKA"].item()
