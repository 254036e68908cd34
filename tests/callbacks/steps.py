"""Trainings with a step of one's own, with a monitor and without."""

import random

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from lightning_symmetry import SymmetryMonitor

from .runs import Classifier, fit

HIDDEN = {("permutation", 12), ("positive_scaling", 12), ("permutation", 8), ("positive_scaling", 8)}
"""The hidden layers of the shared network."""

OF_THE_LOSS = {("translation", 8)}
"""Of the logits: only a loss has it."""


def watched(build, quiet, **options):
    """Train with a monitor and without: nothing may differ. Return the monitor."""
    modules, generators, monitor = [], [], SymmetryMonitor(every_n_steps=2, strict=True, max_overhead=None)
    for callbacks in ([monitor], []):
        torch._dynamo.reset()
        random.seed(5)
        np.random.seed(5)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module = build()
        fit(module, callbacks, quiet, max_steps=5, **options)
        modules.append(getattr(module, "_orig_mod", module))
        generators.append((torch.get_rng_state().tolist(), random.getstate(), str(np.random.get_state())))
    with_it, without = modules
    assert generators[0] == generators[1]
    state = with_it.state_dict()
    assert state.keys() == without.state_dict().keys()
    for name, value in without.state_dict().items():
        assert torch.equal(value, state[name]), name
    for name, one in with_it.named_modules():
        assert not (one._forward_hooks or one._forward_pre_hooks), name
        assert one.__dict__.keys() == without.get_submodule(name).__dict__.keys(), name
    moved = {leg.parameter for s in monitor.symmetries for leg in s.legs if leg.kind != "noise"}
    assert moved <= state.keys()
    return monitor


def found(monitor) -> set[tuple[str, int]]:
    """Groups and sizes of what a monitor watches."""
    return {(s.group, s.size) for s in monitor.symmetries}


class Step(Classifier):
    """A classifier whose step and further attributes are given."""

    def __init__(self, step, model: nn.Module | None = None, **attributes) -> None:
        super().__init__(model)
        self.step = step
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, x):
        return self.model(x)

    def loss(self, batch):
        return F.cross_entropy(self.model(batch[0]), batch[1])

    def training_step(self, batch, batch_idx):
        return self.step(self, batch, batch_idx)


def checking(module, batch, batch_idx):
    """Depends on a number."""
    loss = module.loss(batch)
    if torch.isnan(loss):
        raise ValueError("diverged")
    return loss
