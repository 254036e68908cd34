"""``python -m benchmarks representation``: one look at representations beside a training step."""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.cost.observation.cases import BATCH, CASES, Case
from benchmarks.cost.observation.timing import alternate
from benchmarks.cost.zoo.memory import peak_since, reset_peak
from benchmarks.generated import replace_part
from lightning_symmetry import RepresentationMonitor
from lightning_symmetry.callbacks._representation.layers import layers_of
from lightning_symmetry.callbacks._representation.measurement import Measurement
from lightning_symmetry.callbacks._representation.own_step import MOST_BATCHES, OwnSteps
from lightning_symmetry.callbacks._representation.processes import Processes

README = Path(__file__).parent / "README.md"
DEFAULTS = inspect.signature(RepresentationMonitor).parameters
MODELS = ("resnet18", "vit")
STEP, PART, WHOLE, NAIVE = (
    "training step",
    f"one of the {MOST_BATCHES} steps of a look",
    "step and a whole look",
    "step and a naive look",
)


@dataclass(frozen=True)
class Result:
    """What one way took for one model.

    Attributes:
        title: Which model.
        name: Of the way.
        seconds: For a training step and what comes with it.
        memory: Bytes by which the resident memory rose, at most, in the first call.
    """

    title: str
    name: str
    seconds: float
    memory: float


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    parser.add_argument("models", nargs="*", help=f"of {', '.join(CASES)}; two of them if left out")
    parser.add_argument("--repeat", type=int, default=3, help="timings of each figure; the median counts")
    parser.add_argument("--write-readme", action="store_true", help=f"put the table into {README.name}")


def run(options: argparse.Namespace) -> int:
    """Time looks.

    Args:
        options: What :func:`add_arguments` reads.

    Returns:
        0.
    """
    results = [result for name in options.models or MODELS for result in measure(CASES[name], options.repeat)]
    head = f"Batch {BATCH}, {torch.get_num_threads()} threads, torch {torch.__version__}:"
    text = f"{head}\n\n{table(results)}"
    print(text)
    if options.write_readme:
        replace_part(README, "representation", text)
    return 0


def measure(case: Case, repeat: int) -> list[Result]:
    """Time a model's training step by itself, with a look of one batch, and with a naive one.

    Args:
        case: Which model.
        repeat: Timings of each.

    Returns:
        What each took.
    """
    torch.manual_seed(0)
    model, batch = case.build(), case.batch()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)

    def step(before_update: Callable[[], object] = lambda: None) -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(batch[0]), batch[1]).backward()
        before_update()
        optimizer.step()

    ways: dict[str, Callable[[], object]] = {
        STEP: step,
        PART: partial(_look, model, batch, step, batches=MOST_BATCHES),
        WHOLE: partial(_look, model, batch, step, batches=1),
        NAIVE: partial(_naive, model, step),
    }
    step()
    memory = {}
    for name, way in ways.items():
        reset_peak()
        way()
        memory[name] = peak_since()
    times = alternate(ways, repeat)
    return [Result(case.title, name, times[name].seconds, memory[name]) for name in ways]


def table(results: list[Result]) -> str:
    """Write all as a Markdown table."""
    rows = ["| model | what | time | / training step | memory |", "|---|---|---|---|---|"]
    for result in results:
        step = next(r.seconds for r in results if r.title == result.title and r.name == STEP)
        rows.append(
            f"| {result.title} | {result.name} | {result.seconds:.3g} s | {result.seconds / step:.2f} "
            f"| {result.memory / 2**20:.0f} MiB |"
        )
    return "\n".join(rows)


def _look(model: nn.Module, batch: tuple[Tensor, Tensor], step: Callable[..., None], batches: int) -> object:
    """What the monitor does in a batch; in the last one, a single transfer from the device."""
    most, width = (DEFAULTS[name].default for name in ("max_samples", "max_width"))
    layers = layers_of(model, None)
    measurement = Measurement(layers, width, False, Processes(torch.device("cpu"), join=False))
    steps = OwnSteps(layers, measurement, math.ceil(most / batches), batches)
    steps.begins(batch)
    step(steps.collect)
    values = steps.ends()
    return values and torch.stack([value.double() for value in values.values()]).tolist()


def _naive(model: nn.Module, step: Callable[..., None]) -> object:
    """Keep all that the same layers read and write and the gradients, then correlate and take SVDs.

    Of a convolution, channels are compared, not patches, and no weights: less than what is measured.

    Returns:
        An alignment and a rank for each layer.
    """
    kept: dict[str, list[Tensor]] = {}

    def hook(name: str, module: nn.Module, args: tuple[Any, ...], output: Tensor) -> None:
        tensors = kept.setdefault(name, [args[0].detach().clone(), output.detach().clone()])
        output.register_hook(lambda gradient: tensors.append(gradient.clone()))

    with ExitStack() as stack:
        for name, layer in layers_of(model, None).items():
            stack.callback(layer.register_forward_hook(partial(hook, name)).remove)
        step()
    found = []
    for tensors in kept.values():
        read, written, gradient = (_rows(tensor) for tensor in tensors)
        covariances = [np.cov(_normalised(rows), rowvar=False) for rows in (written, gradient)]
        found.append(np.corrcoef(*(covariance.ravel() for covariance in covariances))[0, 1])
        spectrum = np.linalg.svd(read - read.mean(0), full_matrices=False)[1]
        shares = spectrum / spectrum.sum()
        found.append(np.exp(-(shares * np.log(shares + 1e-12)).sum()))
    return found


def _rows(tensor: Tensor) -> Any:
    return (tensor.movedim(1, -1) if tensor.ndim == 4 else tensor).flatten(end_dim=-2).numpy()


def _normalised(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
