"""What else one may look at while a model trains: each peer opens what it needs and gives what is timed."""

from __future__ import annotations

import io
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, redirect_stderr, redirect_stdout
from importlib.util import find_spec
from operator import itemgetter
from tempfile import TemporaryDirectory
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

Batch = tuple[Tensor, Tensor]

Peer = Callable[[nn.Module, Batch], AbstractContextManager[Callable[[], object]]]


@contextmanager
def weightwatcher(model: nn.Module, batch: Batch) -> Iterator[Callable[[], object]]:
    """Spectra of all layers with power laws fitted to them: weightwatcher's ``analyze`` as it is."""
    talk = io.StringIO()  # that there is no GPU, and which layers are small
    with redirect_stdout(talk), redirect_stderr(talk):
        from weightwatcher import WeightWatcher

        yield lambda: WeightWatcher(model=model, log_level=logging.ERROR).analyze()


@contextmanager
def histograms(model: nn.Module, batch: Batch) -> Iterator[Callable[[], object]]:
    """Histograms of all weights and their gradients, as TensorBoard writes them."""
    from torch.utils.tensorboard import SummaryWriter

    with TemporaryDirectory() as folder, SummaryWriter(folder) as writer:

        def draw() -> None:
            for name, parameter in model.named_parameters():
                writer.add_histogram(name, parameter)
                writer.add_histogram(f"{name}.grad", parameter.grad)
            writer.flush()

        yield draw


class Weights(nn.Module):
    """The parameters of a model once more, in the same memory, so that hooks on them are on no step of it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.weights = nn.ParameterList(parameter.detach() for parameter in model.parameters())

    def forward(self) -> None:
        """Compute nothing: only hooks are called."""


@contextmanager
def watch(model: nn.Module, batch: Batch) -> Iterator[Callable[[], object]]:
    """All that ``wandb.watch`` adds to a step in which it draws all weights and their gradients, offline."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        # Errors are reported over the network otherwise, and logs kept in the home of the user.
        quiet = {"WANDB_ERROR_REPORTING": "false", "WANDB_CACHE_DIR": folder}
        stack.enter_context(patch.dict(os.environ, quiet))
        import wandb

        stack.callback(wandb.teardown)
        # Statistics of the machine would be taken beside all other timings.
        settings = wandb.Settings(silent=True, console="off", x_disable_stats=True)
        run = stack.enter_context(wandb.init(mode="offline", dir=folder, settings=settings))
        watched = Weights(model)
        run.watch(watched, log="all", log_freq=1)
        stack.callback(run.unwatch, watched)
        weights = list(watched.parameters())

        def draw() -> None:
            watched()
            # A derivative by themselves: the gradients reach the hooks, and nothing is computed.
            torch.autograd.grad(weights, weights, [parameter.grad for parameter in model.parameters()])
            run.log({})

        yield draw


@contextmanager
def singular_values(model: nn.Module, batch: Batch) -> Iterator[Callable[[], object]]:
    """The singular values of every weight matrix, with the taps of a convolution beside each other."""
    layers = [m for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.Embedding))]
    weights = [layer.weight.detach().flatten(1) for layer in layers]
    yield lambda: [torch.linalg.svdvals(weight) for weight in weights]


CHAINS, DRAWS = 4, 200


@contextmanager
def learning_coefficient(model: nn.Module, batch: Batch) -> Iterator[Callable[[], object]]:
    """The local learning coefficient as devinterp estimates it, with a gradient step for each draw."""
    from devinterp.slt.sampler import estimate_learning_coeff_with_summary
    from devinterp.utils import default_nbeta, evaluate_ce

    size = len(batch[0])
    loader = DataLoader([batch], batch_size=1, collate_fn=itemgetter(0))

    def estimate() -> object:
        # Steps so small that chains stay near the model; how long they take does not depend on it.
        steps = {"lr": 1e-5, "localization": 100.0, "nbeta": default_nbeta(size)}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the batch comes back, and that chains are not burnt in
            return estimate_learning_coeff_with_summary(
                model,
                loader,
                evaluate=evaluate_ce,
                optimizer_kwargs=steps,
                num_chains=CHAINS,
                num_draws=DRAWS,
                device=batch[0].device,
                verbose=False,
            )

    yield estimate


PEERS: dict[str, Peer] = {
    "weightwatcher": weightwatcher,
    "histograms": histograms,
    "wandb.watch": watch,
    "singular values": singular_values,
    "learning coefficient": learning_coefficient,
}

MODULES = {
    "weightwatcher": "weightwatcher",
    "histograms": "tensorboard",
    "wandb.watch": "wandb",
    "learning coefficient": "devinterp",
}
"""What must be installed for a peer."""

GRADIENT_STEPS = {"learning coefficient": CHAINS * DRAWS}
"""How many a peer takes for one result, where it takes any."""

LONGEST = 30.0
"""Seconds of training steps, beyond which such a peer is left out."""


def installed() -> list[str]:
    """Return the names of the peers that are installed, and print a line for each that is not."""
    missing = {name: module for name, module in MODULES.items() if find_spec(module) is None}
    for name, module in missing.items():
        print(f"{name}: left out, {module} is not installed (it is in the extra `peers`)")
    return [name for name in PEERS if name not in missing]


def affordable(names: Sequence[str], step: float) -> list[str]:
    """Leave out the peers that would take too long.

    Args:
        names: Of peers.
        step: Seconds of a training step.

    Returns:
        Those whose gradient steps, if they take any, end in ``LONGEST``.
    """
    return [name for name in names if GRADIENT_STEPS.get(name, 0) * step <= LONGEST]
