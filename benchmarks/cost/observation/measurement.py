"""Time one model: its training step, discovery, looks, and what the peers do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from benchmarks.cost.observation.arithmetic import Arithmetic, arithmetic
from benchmarks.cost.observation.cases import Case
from benchmarks.cost.observation.peers import PEERS
from benchmarks.cost.observation.timing import Timing, alternate
from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters

STEP, FIND, LOOK, SKETCH, READ = "step", "find", "look", "sketched look", "read"

SKETCHES = "exact" in inspect.signature(OrderParameters).parameters
"""Whether looks can be sketched."""


@dataclass(frozen=True)
class Cost:
    """What one model costs.

    Attributes:
        title: Which model.
        parameters: How many numbers it has.
        times: What each action took.
        arithmetic: What an exact look asks for.
        rate: Operations a second of the machine's float32 matrix product, measured beside it.
    """

    title: str
    parameters: int
    times: dict[str, Timing]
    arithmetic: Arithmetic
    rate: float


def measure(case: Case, peers: Sequence[str], repeat: int, rate: float) -> Cost:
    """Build a model, and time in turn what can be done with it.

    Args:
        case: Which model.
        peers: Names of peers that are installed.
        repeat: Timings of each action.
        rate: Operations a second of a float32 matrix product.

    Returns:
        What it costs.
    """
    torch.manual_seed(0)
    model = case.build()
    x, y = case.batch()
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
    actions = {STEP: step, FIND: find, LOOK: look, READ: read}
    if SKETCHES:
        actions[SKETCH] = _look(OrderParameters(symmetries, exact=False), params)
    with ExitStack() as stack:
        actions |= {name: stack.enter_context(PEERS[name](model)) for name in peers}
        return Cost(
            case.title,
            sum(p.numel() for p in params.values()),
            alternate(actions, repeat),
            arithmetic(look),
            rate,
        )


def _look(measure: OrderParameters, params: dict[str, nn.Parameter]) -> Callable[[], object]:
    """Look as the monitor does: one transfer for all values."""
    return lambda: torch.stack([value.double() for value in measure(params).values()]).tolist()
