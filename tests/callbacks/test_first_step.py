"""Where the loss of the first step is out of reach, what comes next is seen, and named."""

import functools
import logging
import re

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from lightning_symmetry import SymmetryMonitor
from lightning_symmetry.metrics import OrderParameters

from .runs import Classifier, Memory, fit
from .steps import HIDDEN, OF_THE_LOSS, Step, checking, found, watched


def calling_itself(module, batch, batch_idx):
    loss = F.cross_entropy(module(batch[0]), batch[1])
    return loss if loss > -1 else -loss


class Experts(nn.Module):
    """Every example goes to the expert that a router chooses."""

    def __init__(self) -> None:
        super().__init__()
        self.router = nn.Linear(6, 2)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(2)
        )

    def forward(self, x):
        chosen, out = self.router(x).argmax(-1), x.new_zeros(len(x), 3)
        for i, expert in enumerate(self.experts):
            rows = (chosen == i).nonzero()[:, 0]
            if len(rows):
                out[rows] = expert(x[rows])
        return out


class ByIterator(Classifier):
    """Takes its batches itself."""

    def training_step(self, dataloader_iter):
        (x, y), _, _ = next(dataloader_iter)
        return F.cross_entropy(self.model(x), y)


FALLBACKS = {
    "modules": (lambda: Step(checking), HIDDEN, "the modules called in the first step, as"),
    "itself": (lambda: Step(calling_itself), HIDDEN, "the modules called in the first step, as"),
    "iterator": (ByIterator, HIDDEN, "the modules called in the first step, as .* dataloader_iter"),
    "numbers": (
        lambda: Step(checking, Experts()),
        {("permutation", 8), ("positive_scaling", 8)},
        "the modules called in the first step, on copies of the real tensors, as",
    ),
    "example": (
        lambda: Step(checking, example_input_array=torch.zeros(2, 6)),
        HIDDEN,
        r"forward\(example_input_array\), as training_step cannot be traced: control flow",
    ),
    "examples": (
        lambda: Step(checking, example_input_array=(torch.zeros(2, 6),)),
        HIDDEN,
        r"forward\(example_input_array\), as",
    ),
    "named example": (
        lambda: Step(checking, example_input_array={"x": torch.zeros(2, 6)}),
        HIDDEN,
        r"forward\(example_input_array\), as",
    ),
    "wrong example": (
        lambda: Step(checking, example_input_array=torch.zeros(2, 5)),
        HIDDEN,
        "the modules called in the first step, as",
    ),
}


@pytest.mark.filterwarnings("ignore:(You are using|Found)( the)? `dataloader_iter`")
@pytest.mark.parametrize(("build", "expected", "message"), FALLBACKS.values(), ids=FALLBACKS)
def test_what_comes_next_is_seen_and_named(build, expected, message, quiet, caplog):
    with caplog.at_level(logging.INFO):
        monitor = watched(build, quiet)
    assert found(monitor) >= expected
    assert not found(monitor) & OF_THE_LOSS
    told = [r.getMessage() for r in caplog.records if "watches the symmetries of" in r.getMessage()]
    assert len(told) == 1
    assert re.search(message, told[0])


def test_the_first_look_shows_the_weights_as_they_were_initialised(quiet):
    logger, monitor = Memory(), SymmetryMonitor(every_n_steps=2, strict=True, max_overhead=None)
    initial = dict(Step(checking).named_parameters())
    fit(Step(checking), [monitor], quiet, logger=logger, max_steps=3)
    expected = OrderParameters(monitor.symmetries)(initial)
    assert {k: logger.rows[0][k] for k in expected} == {
        key: pytest.approx(float(value)) for key, value in expected.items()
    }


def test_parameters_that_no_called_module_has_stay_unknown(quiet):
    build = functools.partial(Step, lambda module, *given: checking(module, *given) * module.scale.sum())
    monitor = watched(lambda: build(scale=nn.Parameter(torch.ones(5))), quiet)
    assert found(monitor) >= HIDDEN
    assert not any(leg.parameter == "scale" for s in monitor.symmetries for leg in s.legs)


def test_a_step_that_fails_leaves_no_hook(quiet):
    def failing(module, batch, batch_idx):
        checking(module, batch, batch_idx)
        raise ArithmeticError("the user's own")

    module = Step(failing)
    with pytest.raises(ArithmeticError, match="own"):
        fit(module, [SymmetryMonitor()], quiet)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in module.modules())


@pytest.mark.filterwarnings("ignore:`training_step` returned `None`")
def test_a_batch_without_a_loss_is_passed_over(quiet):
    def skipping(module, batch, batch_idx):
        return None if batch_idx == 0 else module.loss(batch)

    assert found(watched(lambda: Step(skipping), quiet)) >= HIDDEN | OF_THE_LOSS


def test_a_loss_without_a_module_is_named(quiet):
    def alone(module, batch, batch_idx):
        loss = module.model[0].weight.sum()
        return loss if loss < 1e9 else -loss

    match = r"the modules called in the first step: none is called, or only in compiled code\)"
    with pytest.warns(UserWarning, match=match):
        fit(Step(alone), [SymmetryMonitor()], quiet, max_steps=2)


class Late(Classifier):
    """Built on the meta device, and brought to life when the Trainer says so."""

    def __init__(self) -> None:
        super().__init__(nn.Identity())
        self.model = None

    def configure_model(self):
        if self.model is None:
            with torch.device("meta"):
                layers = [nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3)]
            self.model = nn.Sequential(*layers)
            self.model.to_empty(device="cpu")
            torch.manual_seed(0)
            for layer in self.model[::2]:
                layer.reset_parameters()


def test_models_built_in_configure_model(quiet):
    monitor = watched(Late, quiet)
    assert found(monitor) >= HIDDEN | OF_THE_LOSS
