"""The ways to steer a model: each takes a fresh one, and gives what computes outputs and the optimizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.optim import SGD, AdamW, Optimizer

from lightning_symmetry import (
    GroupGate,
    Hadamard,
    LowRank,
    OffsetDecay,
    Syre,
    add_symmetry,
    remove_symmetry,
)
from lightning_symmetry.surgery import Factorisation, syre_offset

Forward = Callable[[Tensor], Tensor]
Optimise = Callable[[Iterable[nn.Parameter]], Optimizer]
Way = Callable[[nn.Module, Optimise], tuple[Forward, Optimizer]]

# Rates at which thousands of steps on the same batch leave the weights ordinary numbers.
OPTIMIZERS: dict[str, Optimise] = {
    "SGD": partial(SGD, lr=1e-4, momentum=0.9, weight_decay=5e-4),
    "AdamW": partial(AdamW, lr=1e-6, weight_decay=1e-2),
}


def plain(model: nn.Module, optimise: Optimise) -> tuple[Forward, Optimizer]:
    """Train the model as it is."""
    return model, optimise(model.parameters())


def optimizer_form(model: nn.Module, optimise: Optimise) -> tuple[Forward, Optimizer]:
    """Decay towards the offset, in the step of the optimizer."""
    optimizer = optimise(model.parameters())
    names = {parameter: name for name, parameter in model.named_parameters()}
    OffsetDecay(optimizer, names, partial(syre_offset, model, config=Syre()))
    return model, optimizer


def layer_form(model: nn.Module, optimise: Optimise) -> tuple[Forward, Optimizer]:
    """Add the offset where a layer reads its parameter."""
    return plain(remove_symmetry(model, Syre()), optimise)


def whole_model(model: nn.Module, optimise: Optimise) -> tuple[Forward, Optimizer]:
    """Add the offset to all parameters before the forward pass, as the paper writes it down."""
    offsets = {name: syre_offset(model, name, Syre()) for name, _ in model.named_parameters()}

    def forward(x: Tensor) -> Tensor:
        shifted = {name: parameter + offsets[name] for name, parameter in model.named_parameters()}
        outputs: Tensor = functional_call(model, shifted, (x,))
        return outputs

    return forward, optimise(model.parameters())


def added(config: Factorisation) -> Way:
    """Write every parameter of two or more dimensions as a function of factors."""

    def way(model: nn.Module, optimise: Optimise) -> tuple[Forward, Optimizer]:
        with torch.no_grad():
            return plain(add_symmetry(model, config), optimise)

    return way


PLAIN, OPTIMIZER_FORM = "plain", "Syre, `OffsetDecay`"

REMOVING: dict[str, Way] = {
    OPTIMIZER_FORM: optimizer_form,
    "Syre, `remove_symmetry`": layer_form,
    "Syre, `functional_call`": whole_model,
}
"""Syre in three forms, which train the same function."""

WAYS: dict[str, Way] = {
    PLAIN: plain,
    **REMOVING,
    "`Hadamard`": added(Hadamard()),
    "`GroupGate`": added(GroupGate()),
    "`LowRank`": added(LowRank()),
}
