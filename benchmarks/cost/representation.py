"""What a look at representations costs beside a training step."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.cost.machine import Machine
from benchmarks.cost.observation.cases import BATCH, CASES, Case
from benchmarks.cost.observation.timing import CPU, Timing, alternate
from benchmarks.cost.peak import risen
from benchmarks.cost.section import Section, markdown
from lightning_symmetry import RepresentationMonitor
from lightning_symmetry.callbacks._representation.layers import layers_of
from lightning_symmetry.callbacks._representation.measurement import Measurement
from lightning_symmetry.callbacks._representation.own_step import MOST_BATCHES, OwnSteps
from lightning_symmetry.callbacks._representation.processes import Processes

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
        time: For a training step and what comes with it.
        memory: Bytes by which the memory rose, at most, in the first call.
    """

    title: str
    name: str
    time: Timing
    memory: float


def section(machine: Machine, repeat: int, models: Sequence[str] | None) -> Section:
    """Time looks.

    Args:
        machine: Where.
        repeat: Timings of each figure.
        models: Names of cases; two if left out.

    Returns:
        What each way costs.
    """
    results = [r for name in models or MODELS for r in measure(CASES[name], repeat, machine.device)]
    return Section("representations", f"Batch {BATCH}.\n\n{table(results)}", results)


def measure(case: Case, repeat: int, device: torch.device = CPU) -> list[Result]:
    """Time a model's training step by itself, with a look of one batch, and with a naive one.

    Args:
        case: Which model.
        repeat: Timings of each.
        device: Where the model is.

    Returns:
        What each took.
    """
    torch.manual_seed(0)
    model, batch = case.build().to(device), tuple(tensor.to(device) for tensor in case.batch())
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
    memory = {name: risen(way, device)[1] for name, way in ways.items()}
    times = alternate(ways, repeat, device)
    return [Result(case.title, name, times[name], memory[name]) for name in ways]


def table(results: list[Result]) -> str:
    """Write all as a Markdown table."""
    rows = []
    for result in results:
        step = next(r.time.seconds for r in results if r.title == result.title and r.name == STEP)
        share, memory = f"{result.time.seconds / step:.2f}", f"{result.memory / 2**20:.0f} MiB"
        rows.append([result.title, result.name, str(result.time), share, memory])
    return markdown(("model", "what", "time", "/ training step", "memory"), rows)


def _look(model: nn.Module, batch: tuple[Tensor, ...], step: Callable[..., None], batches: int) -> object:
    """What the monitor does in a batch; in the last one, a single transfer from the device."""
    most, width = (DEFAULTS[name].default for name in ("max_samples", "max_width"))
    layers = layers_of(model, None)
    measurement = Measurement(layers, width, False, Processes(batch[0].device, join=False))
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
    return (tensor.movedim(1, -1) if tensor.ndim == 4 else tensor).flatten(end_dim=-2).cpu().numpy()


def _normalised(rows: Any) -> Any:
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
