"""What is trained: networks, optimizers, and what changes in the middle of a training."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from benchmarks.reproductions.early_warning import networks

ONSET = 200
"""The step from which on a training is disturbed."""

HEALTHY, SURVIVED, COLLAPSE, DIVERGENCE = "healthy", "decay that accuracy survives", "collapse", "divergence"

Schedule = Callable[[int], dict[str, float]]


@dataclass(frozen=True)
class Scenario:
    """One way to train.

    Attributes:
        kind: What it is an example of.
        network: The name of the network.
        training: The optimizer, and what is done to it, in words.
        build: Makes the network.
        optimize: Makes the optimizer.
        steps: Optimizer steps.
        every: Steps between two looks.
        schedule: From the step, options of the optimizer that change.
    """

    kind: str
    network: str
    training: str
    build: Callable[[], nn.Module]
    optimize: Callable[[Iterable[nn.Parameter]], Optimizer]
    steps: int = 400
    # dense enough that the first windows see how the initial state is left
    every: int = 5
    schedule: Schedule = lambda step: {}


def _switched(decay: float) -> Schedule:
    return lambda step: {"weight_decay": decay if step >= ONSET else 0.0}


def _ramped(option: str, first: float, last: float, steps: int, before: float) -> Schedule:
    """Grow by a factor of e in so many steps, from the onset on."""

    def at(step: int) -> dict[str, float]:
        grown = first * math.exp(min((step - ONSET) / steps, 50))
        return {option: min(last, grown) if step >= ONSET else before}

    return at


_SGD = partial(SGD, lr=0.05, momentum=0.9)
_SLOW = partial(SGD, lr=0.01, momentum=0.9)
_ADAM = partial(Adam, lr=2e-3)
_ADAMW = partial(AdamW, lr=2e-3, weight_decay=0.0)
_NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "ReLU": networks.relu,
    "tanh": networks.tanh,
    "linear": networks.linear,
    "convolutions with BatchNorm": networks.convolutional,
    "transformer": networks.Transformer,
}
_OPTIMIZERS: dict[str, Callable[[Iterable[nn.Parameter]], Optimizer]] = {
    "SGD with momentum, decay 5e-4": partial(_SGD, weight_decay=5e-4),
    "Adam": _ADAM,
    "AdamW, decay 0.05": partial(_ADAMW, weight_decay=0.05),
}
_DECAY = _ramped("weight_decay", 1e-3, 1.0, 60, 0.0)
_RATE = _ramped("lr", 0.05, 20.0, 100, 0.05)


def _late(
    kind: str, network: str, training: str, optimize: Callable[..., Optimizer], schedule: Schedule
) -> Scenario:
    return Scenario(kind, network, training, _NETWORKS[network], optimize, 600, 10, schedule)


SCENARIOS = (
    *(
        Scenario(HEALTHY, network, training, build, optimize)
        for network, build in _NETWORKS.items()
        for training, optimize in _OPTIMIZERS.items()
        if network != "linear"
    ),
    _late(
        SURVIVED, "ReLU", "SGD, decay 6e-3 from the start", partial(_SGD, weight_decay=6e-3), lambda step: {}
    ),
    _late(SURVIVED, "ReLU", "SGD, decay switched on at 5e-3", _SGD, _switched(5e-3)),
    _late(SURVIVED, "convolutions with BatchNorm", "SGD, decay switched on at 2e-2", _SGD, _switched(2e-2)),
    _late(COLLAPSE, "ReLU", "SGD, decay ramped", _SGD, _DECAY),
    _late(COLLAPSE, "tanh", "SGD, decay ramped", _SGD, _DECAY),
    _late(COLLAPSE, "linear", "SGD, decay ramped", _SGD, _DECAY),
    _late(COLLAPSE, "convolutions with BatchNorm", "SGD, decay ramped", _SGD, _DECAY),
    _late(COLLAPSE, "ReLU", "Adam, L2 ramped", _ADAM, _ramped("weight_decay", 1e-3, 10.0, 40, 0.0)),
    _late(
        COLLAPSE, "transformer", "AdamW, decay ramped", _ADAMW, _ramped("weight_decay", 1e-2, 100.0, 40, 0.0)
    ),
    _late(COLLAPSE, "ReLU", "SGD, decay switched on at 0.1", _SLOW, _switched(0.1)),
    _late(COLLAPSE, "linear", "SGD, decay switched on at 0.2, above critical", _SLOW, _switched(0.2)),
    _late(DIVERGENCE, "ReLU", "SGD, learning rate ramped", _SGD, _RATE),
    _late(DIVERGENCE, "tanh", "SGD, learning rate ramped", _SGD, _RATE),
)
