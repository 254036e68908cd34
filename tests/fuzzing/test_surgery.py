"""Whatever steering is asked to do, it is done, or refused as the docstring says."""

from functools import partial

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lightning_symmetry import surgery as S

from .arguments import arguments
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything

CONFIGS = [
    S.ActivationAsymmetry,
    S.AttentionBias,
    S.GroupGate,
    S.Hadamard,
    S.LowRank,
    S.Mirror,
    S.ScalarGate,
    S.Syre,
    S.WeightAsymmetry,
]
GOOD = [
    S.Hadamard(),
    S.GroupGate(size=3),
    S.GroupGate(dim=5),
    S.LowRank(rank=7),
    S.Mirror(indices=((0, 99),)),
]
GOOD += [
    S.Syre(),
    S.Syre(spread=0.1),
    S.WeightAsymmetry(fixed=50),
    S.AttentionBias(),
    S.ActivationAsymmetry(),
]


def model(kind):
    """Something to steer, or what cannot be."""
    linear = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    with torch.no_grad():
        if kind == "not finite":
            linear[0].weight[0, 0] = float("nan")
    made = {
        "meta": lambda: nn.Linear(3, 4, device="meta"),
        "half": lambda: linear.half(),
        "frozen": lambda: linear.requires_grad_(False),
        "lazy": lambda: nn.LazyLinear(3),
        "activation": nn.ReLU,
        "attention": lambda: nn.MultiheadAttention(4, 2),
        "added": lambda: S.add_symmetry(linear, S.Hadamard()),
        "removed": lambda: S.remove_symmetry(linear, S.Syre()),
        "empty": nn.Module,
    }
    return made.get(kind, lambda: linear)()


KINDS = ["plain", "plain", "not finite", "meta", "half", "frozen", "lazy", "activation", "attention", "added"]
models = st.builds(model, st.sampled_from([*KINDS, "removed", "empty"]))
configs = st.sampled_from([*GOOD, None])
patterns = st.sampled_from(["*", "*.weight", "0.*", "0.bias", "nothing", "", "[", 0, None])
mappings = st.dictionaries(patterns, st.one_of(configs, configs, anything), max_size=3)
KNOWN = {
    "model": st.one_of(models, models, models, anything),
    "config": st.one_of(configs, mappings, anything),
    "filter": st.one_of(
        st.none(), st.just(lambda name, part: True), st.just(lambda name, part: False), anything
    ),
    "state_dict": st.one_of(models.map(nn.Module.state_dict), st.dictionaries(patterns, anything), anything),
}


@each("config", CONFIGS)
@effort(30)
@given(data=st.data())
def test_a_config_is_made_or_refused(config, data):
    given_ = data.draw(arguments(config))
    check(config, lambda: config(**given_))


@each("function", [S.add_symmetry, S.remove_symmetry])
@effort(60)
@given(data=st.data())
def test_steering_of_any_kind(function, data):
    given_ = data.draw(arguments(function, **KNOWN))
    check(function, lambda: function(**given_))


DRAWN = {"name": st.one_of(patterns, st.sampled_from(["weight", "0.weight", "0", "0.none"]), anything)}
DRAWN["config"] = st.one_of(st.sampled_from([S.Syre(), S.Syre(spread=0.1)]), anything)


@each("function", [S.syre_offset, S.syre_metric, S.initial_std])
@effort(40)
@given(data=st.data())
def test_draws_of_any_kind(function, data):
    given_ = data.draw(arguments(function, **KNOWN | DRAWN))
    check(function, lambda: function(**given_))


@each("function", [S.undo, S.fold, S.prune, S.plain_state_dict])
@effort(25)
@given(data=st.data())
def test_leaving_of_any_kind(function, data):
    given_ = data.draw(arguments(function, **KNOWN))
    check(function, lambda: function(**given_))


def optimizer(kind):
    """One that decays, or does not."""
    trained = model(kind if kind in ("half", "frozen", "meta") else "plain")
    made = {
        "LBFGS": torch.optim.LBFGS,
        "Adam": partial(torch.optim.Adam, weight_decay=0.1),
        "ASGD": partial(torch.optim.ASGD, weight_decay=0.1),
    }
    return made.get(kind, partial(torch.optim.SGD, lr=0.1, weight_decay=0.1))(trained.parameters())


def named(trained):
    """What an optimizer trains, by numbers."""
    return {p: str(i) for i, p in enumerate(p for group in trained.param_groups for p in group["params"])}


@each("made", [S.OffsetDecay])
@effort(40)
@given(
    kind=st.sampled_from(["plain", "half", "frozen", "meta", "LBFGS", "Adam", "ASGD"]),
    drawn=anything,
    other=anything,
    data=st.data(),
)
def test_offsets_of_any_kind(made, kind, drawn, other, data):
    trained = optimizer(kind)
    rest = {
        "optimizer": st.one_of(st.just(trained), st.just(trained), anything),
        "names": st.one_of(st.just(named(trained)), st.just(named(trained)), anything),
        "draw": st.one_of(st.just(lambda name: drawn), anything),
        "metric": st.one_of(st.just(lambda name: other), st.none(), anything),
    }
    given_ = data.draw(st.fixed_dictionaries(rest))
    check(made, lambda: made(**given_).remove())
