"""What else one may look at while a model trains: each peer opens what it needs and gives what is timed."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from tempfile import TemporaryDirectory

import torch
from torch import nn

Peer = Callable[[nn.Module], AbstractContextManager[Callable[[], object]]]


@contextmanager
def weightwatcher(model: nn.Module) -> Iterator[Callable[[], object]]:
    """Spectra of all layers with power laws fitted to them: weightwatcher's ``analyze`` as it is."""
    talk = io.StringIO()  # that there is no GPU, and which layers are small
    with redirect_stdout(talk), redirect_stderr(talk):
        from weightwatcher import WeightWatcher

        yield lambda: WeightWatcher(model=model, log_level=logging.ERROR).analyze()


@contextmanager
def histograms(model: nn.Module) -> Iterator[Callable[[], object]]:
    """Histograms of all weights and their gradients, as TensorBoard writes them."""
    from torch.utils.tensorboard import SummaryWriter

    with TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

        def draw() -> None:
            for name, parameter in model.named_parameters():
                writer.add_histogram(name, parameter)
                writer.add_histogram(f"{name}.grad", parameter.grad)
            writer.flush()

        yield draw


@contextmanager
def singular_values(model: nn.Module) -> Iterator[Callable[[], object]]:
    """The singular values of every weight matrix, with the taps of a convolution beside each other."""
    layers = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.Embedding))]
    weights = [layer.weight.detach().flatten(1) for layer in layers]
    yield lambda: [torch.linalg.svdvals(weight) for weight in weights]


PEERS: dict[str, Peer] = {
    "weightwatcher": weightwatcher,
    "histograms": histograms,
    "singular values": singular_values,
}

MODULES = {"weightwatcher": "weightwatcher", "histograms": "tensorboard"}
"""What must be installed for a peer."""


def installed() -> list[str]:
    """Return the names of the peers that are installed, and print a line for each that is not."""
    missing = {name: module for name, module in MODULES.items() if find_spec(module) is None}
    for name, module in missing.items():
        print(f"{name}: left out, {module} is not installed (it is in the extra `peers`)")
    return [name for name in PEERS if name not in missing]
