"""Without a Trainer, the parts of the callbacks do what the callbacks do: the loop that the README shows."""

import re
from pathlib import Path

import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from lightning_symmetry import RemoveSymmetry, SymmetryMonitor, Syre

from ..callbacks.runs import Batches, Memory, fit
from .watching import Small

README = Path(__file__).parents[2] / "README.md"


def shown():
    """The loop of the README."""
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    (loop,) = (block for block in blocks if "def train(fabric" in block)
    names: dict[str, object] = {}
    exec(compile(loop, str(README), "exec"), names)
    return names["train"]


class Tell:
    """A logger of Fabric."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, float]] = {}

    def log_metrics(self, metrics, step=None) -> None:
        self.rows[step] = metrics


class Alone(nn.Module):
    """The same network under the same names, which the offset is drawn by."""

    def __init__(self) -> None:
        super().__init__()
        self.model = Small().model

    def forward(self, x):
        return self.model(x)


def test_a_loop_of_ones_own_is_observed_and_steered_as_a_trainer_is(quiet):
    model, told = Alone(), Tell()
    shown()(Fabric(accelerator="cpu", devices=1, loggers=told), model, Batches(8).batches, every=4)
    module, logger = Small(), Memory()
    callbacks = [RemoveSymmetry(Syre()), SymmetryMonitor(4, strict=True, max_overhead=None)]
    fit(module, callbacks, quiet, max_steps=8, logger=logger)
    for name, value in model.state_dict().items():
        assert torch.equal(value, module.state_dict()[name]), name
    assert list(told.rows) == [4, 8]
    for step, row in told.rows.items():
        logged = logger.rows[step - 1]
        assert row.keys() <= logged.keys()
        for key, value in row.items():
            assert logged[key] == pytest.approx(value, rel=1e-6), key
