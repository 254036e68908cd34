"""Time one model: its training step, discovery, looks, and what the peers do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count

import torch
from torch import nn

from benchmarks.cost.observation.arithmetic import Arithmetic, arithmetic
from benchmarks.cost.observation.cases import Case
from benchmarks.cost.observation.peers import PEERS, affordable
from benchmarks.cost.observation.timing import CPU, Timing, alternate
from lightning_symmetry import Symmetries, find_symmetries
from lightning_symmetry.callbacks._observer import Observer
from lightning_symmetry.metrics import OrderParameters

STEP, FIND, LOOK, SKETCH, READ = "step", "find", "look", "sketched look", "read"

MONITOR = "look of the monitor"
"""All that it does at a look with its defaults: weights, gradients, charges, warning."""


@dataclass(frozen=True)
class Cost:
    """What one model costs.

    Attributes:
        title: Which model.
        parameters: How many numbers it has.
        times: What each action took.
        arithmetic: What an exact look asks for.
    """

    title: str
    parameters: int
    times: dict[str, Timing]
    arithmetic: Arithmetic


def measure(case: Case, peers: Sequence[str], repeat: int, device: torch.device = CPU) -> Cost:
    """Build a model, and time in turn what can be done with it.

    Args:
        case: Which model.
        peers: Names of peers that are installed; those that would take minutes are left out.
        repeat: Timings of each action.
        device: Where the model is.

    Returns:
        What it costs.
    """
    torch.manual_seed(0)
    model = case.build().to(device)
    x, y = (tensor.to(device) for tensor in case.batch())
    loss = partial(nn.functional.cross_entropy, target=y)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    params = dict(model.named_parameters())

    def step() -> None:
        optimizer.zero_grad()
        loss(model(x)).backward()
        optimizer.step()

    def find() -> object:
        return find_symmetries(model, x, loss=loss)

    def read() -> None:
        sum(p.detach().sum() for p in params.values())

    symmetries = find_symmetries(model, x, loss=loss)
    look = _look(OrderParameters(symmetries), params)
    sketch = _look(OrderParameters(symmetries, exact=False), params)
    monitor = _monitor(symmetries, model, optimizer)
    actions = {STEP: step, FIND: find, LOOK: look, SKETCH: sketch, MONITOR: monitor, READ: read}
    timed = affordable(peers, alternate({STEP: step}, 1, device)[STEP].seconds)
    with ExitStack() as stack:
        actions |= {name: stack.enter_context(PEERS[name](model, (x, y))) for name in timed}
        return Cost(
            case.title,
            sum(p.numel() for p in params.values()),
            alternate(actions, repeat, device),
            arithmetic(look),
        )


def _look(measure: OrderParameters, params: dict[str, nn.Parameter]) -> Callable[[], object]:
    """Look as the monitor does: one transfer for all values."""
    return lambda: torch.stack([value.double() for value in measure(params).values()]).tolist()


def _monitor(
    symmetries: Symmetries, model: nn.Module, optimizer: torch.optim.Optimizer
) -> Callable[[], object]:
    observer, steps = Observer("SymmetryMonitor", before=lambda name: None), count()
    observer.watch(symmetries, exact=None)

    def look() -> object:
        observer.look_at_gradients(model, optimizer, scale=1.0)
        return observer.look(model, [optimizer], next(steps))

    return look
