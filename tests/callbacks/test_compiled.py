"""Compiled modules are traced uncompiled, and watched from outside: nothing is compiled anew."""

import shutil

import pytest
import torch
from torch import nn

from lightning_symmetry import SymmetryMonitor

from .runs import fit, network
from .steps import HIDDEN, OF_THE_LOSS, Step, checking, found, watched


class Whole(nn.Module):
    """A network that compiles to one graph."""

    def __init__(self) -> None:
        super().__init__()
        self.net = network()

    def forward(self, x):
        return self.net(x)


def compiled(module):
    module.model = torch.compile(Whole(), backend="aot_eager", fullgraph=True)
    return module


def compiled_in_place(module):
    module.model = Whole()
    module.model.compile(backend="aot_eager", fullgraph=True)
    return module


COMPILED = {"part": compiled, "part in place": compiled_in_place}


@pytest.mark.parametrize("compile_", COMPILED.values(), ids=COMPILED)
@pytest.mark.parametrize(
    "step", [lambda module, batch, i: module.loss(batch), checking], ids=["loss", "modules"]
)
def test_compiled_parts(compile_, step, quiet):
    monitor = watched(lambda: compile_(Step(step)), quiet)
    assert found(monitor) >= HIDDEN


def test_a_compiled_module_is_traced_uncompiled(quiet):
    def build():
        return torch.compile(Step(lambda module, batch, i: module.loss(batch)), backend="aot_eager")

    monitor = watched(build, quiet)
    assert found(monitor) >= HIDDEN | OF_THE_LOSS


def test_watching_from_outside_compiles_nothing_anew(quiet):
    graphs = []

    def backend(graph, inputs):
        graphs.append(graph)
        return graph.forward

    def build():
        module = Step(checking)
        module.model = torch.compile(Whole(), backend=backend)
        return module

    torch._dynamo.reset()
    fit(build(), [], quiet, max_steps=3)
    without = len(graphs)
    torch._dynamo.reset()
    fit(build(), [SymmetryMonitor(strict=True)], quiet, max_steps=3)
    assert len(graphs) == 2 * without


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # which it uses itself
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch's own compiler needs one of C++ here")
def test_what_torchs_own_compiler_has_fused_trains_the_same(quiet):
    def fused():
        module = Step(checking)
        module.model = torch.compile(Whole(), fullgraph=True)
        return module

    assert found(watched(fused, quiet)) >= HIDDEN
