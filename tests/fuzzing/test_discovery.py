"""Whatever discovery is asked, it answers, or refuses as the docstring says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightning_symmetry import TraceError, explain, find_symmetries
from lightning_symmetry.discovery import Symmetries

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything, tensors

MODEL = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
FOUND = find_symmetries(MODEL, torch.zeros(1, 3))
PARAMETERS = {name: parameter.detach() for name, parameter in MODEL.named_parameters()}
MODELS = [MODEL, MODEL, nn.ReLU(), nn.Module(), nn.LazyLinear(3), nn.Linear(3, 4).requires_grad_(False)]
MODELS += [nn.Linear(3, 4, device="meta"), nn.Linear(3, 4).half(), nn.Embedding(3, 4)]

models = st.one_of(st.sampled_from(MODELS), st.sampled_from(MODELS), anything)
losses = st.one_of(
    st.none(), st.sampled_from([torch.sum, len, lambda output: "text", lambda output: {}]), anything
)
states = st.one_of(
    st.fixed_dictionaries({name: st.one_of(st.just(p), tensors) for name, p in PARAMETERS.items()}),
    st.dictionaries(st.sampled_from([*PARAMETERS, 0]), anything, max_size=4),
    anything,
)
# What a model, or a loss that is none, raises is its own affair.
answers = st.sampled_from(
    [None, torch.sum, lambda output: "text", lambda output: {}, lambda output: output / 0]
)
whole = st.one_of(st.just(MODEL), st.sampled_from([nn.Linear(3, 2), nn.ReLU(), nn.Identity()]), anything)
KNOWN = {"model": whole, "inputs": st.just(torch.ones(20, 3)), "loss": answers, "params": states}


@each("function", [find_symmetries, explain])
@effort(25)
@given(model=models, inputs=st.lists(anything, max_size=2), loss=losses)
def test_any_model(function, model, inputs, loss):
    check(function, lambda: function(model, *inputs, loss=loss), TraceError)


@effort(30)
@given(name=st.one_of(st.sampled_from(["0", "0.weight", "0.permutation", "", "0.weigth"]), anything))
def test_any_name(name):
    explanation = explain(MODEL, torch.zeros(1, 3))
    check(explanation.why, lambda: explanation.why(name))
    check(explanation.text, lambda: explanation.text(name))


@pytest.mark.parametrize("method", ["transform", "generators", "completeness"])
@effort(40)
@given(data=st.data())
def test_any_state(method, data):
    given_ = data.draw(arguments(getattr(FOUND, method), **KNOWN))
    check(getattr(FOUND, method), lambda: getattr(FOUND, method)(**given_))


@effort(40)
@given(model=whole, loss=answers)
def test_any_error(model, loss):
    check(FOUND.errors, lambda: FOUND.errors(model, torch.ones(9, 3), loss=loss))


@each("function", [Symmetries, Symmetries.from_dict])
@effort(30)
@given(symmetries=anything)
def test_any_symmetries(function, symmetries):
    check(function, lambda: function(symmetries))
