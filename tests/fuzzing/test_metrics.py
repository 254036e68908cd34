"""Whatever a metric is made with and updated with, it does or raises what its docstring says."""

import inspect

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry import metrics as M

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything, tensors

MADE = {
    "CanonicalAlignment": {"in_features": 3, "out_features": 3},
    "DepthProfile": {"num_features": {"layer": 3}},
    "DormantUnits": {"num_features": 3},
    "EnsembleAgreement": {"metric": M.LinearCKA},
    "FeatureRanks": {"num_features": 3},
    "GeneralLinearDrift": {"powers": [1, -1]},
    "NeuralCollapse": {"num_classes": 2, "num_features": 3},
    "PolynomialAlignment": {"in_features": 3, "out_features": 3},
    "RankMe": {"num_features": 3},
    "RawCanonicalAlignment": {"in_features": 3, "out_features": 3},
    "ScalingDrift": {"powers": [1, -1]},
    "ScalingImbalance": {"powers": [1, -1]},
    "Separability": {"num_classes": 2, "num_features": 3},
}
"""What metrics need that are to be updated."""

UPDATED = [metric for name in M.__all__ if hasattr(metric := getattr(M, name), "update")]
WHOLE = [M.OrderParameters, M.ChargeDrift]
MODEL = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
SYMMETRIES = find_symmetries(MODEL, torch.zeros(1, 3))
NAMES = [name for name, _ in MODEL.named_parameters()]
states = st.one_of(
    anything,
    st.dictionaries(st.sampled_from(NAMES), st.one_of(tensors, anything), max_size=4),
    st.fixed_dictionaries(
        {name: st.one_of(st.just(p.detach()), tensors) for name, p in MODEL.named_parameters()}
    ),
)


@each("metric", [*UPDATED, *WHOLE])
@effort(8)
@given(data=st.data())
def test_a_metric_is_made_or_refused(metric, data):
    given_ = data.draw(arguments(metric))
    check(metric, lambda: metric(**given_))


@pytest.mark.parametrize("made", UPDATED)
@effort(10)
@given(data=st.data())
def test_updates_of_any_kind(made, data):
    metric = made(**MADE.get(made.__name__, {}))
    for _ in range(2):
        given_ = data.draw(arguments(metric.update))
        check(metric.update, lambda given_=given_: metric.update(**given_))


@pytest.mark.parametrize("measure", [M.OrderParameters.__call__, M.ChargeDrift.charges])
@effort(25)
@given(params=states)
def test_weights_of_any_kind(measure, params):
    (made,) = (kind for kind in WHOLE if measure in vars(kind).values())
    check(measure, lambda: measure(made(SYMMETRIES), params))


@each("function", [M.orbit_leak, M.travelled])
@effort(15)
@given(data=st.data())
def test_states_of_any_kind(function, data):
    names = list(inspect.signature(function).parameters)[1:]
    given_ = data.draw(st.fixed_dictionaries(dict.fromkeys(names, states)))
    check(function, lambda: function(SYMMETRIES, **given_))
