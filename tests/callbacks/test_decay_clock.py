"""What weight decay leaves, against optimizers that see no gradient but that of the decay."""

import copy
import json

import pytest
import torch
from torch import nn

from lightning_symmetry.callbacks._decay_clock import DecayClock, parameter_groups

RATES = [0.0, 0.1, 0.2, 0.05, 0.3]
SGD = {
    "plain": {},
    "momentum": {"momentum": 0.9},
    "dampening": {"momentum": 0.8, "dampening": 0.5},
    "nesterov": {"momentum": 0.7, "nesterov": True},
    "maximize": {"maximize": True},
}
DECOUPLED = {
    "AdamW": torch.optim.AdamW,
    "Adam": lambda params, **kw: torch.optim.Adam(params, decoupled_weight_decay=True, **kw),
    "Adafactor": torch.optim.Adafactor,
}


def trained(make, clock=None, decay=0.1):
    """Make steps with a gradient of zero; return the clock and what is left of two weights of one."""
    weights = [nn.Parameter(torch.ones((), dtype=torch.float64)) for _ in range(2)]
    optimizer = make([{"params": weights[:1], "weight_decay": decay}, {"params": weights[1:]}])
    clock = DecayClock() if clock is None else clock
    for rate in RATES:
        for group in optimizer.param_groups:
            group["lr"] = rate
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        clock.step([optimizer], optimizer)
        optimizer.step()
    return clock, [weight.item() for weight in weights]


@pytest.mark.parametrize("options", SGD.values(), ids=SGD)
def test_descent_is_followed_through_momentum_up_to_the_square_of_the_decay(options):
    errors = []
    for decay in (1e-2, 1e-3):
        clock, left = trained(lambda groups: torch.optim.SGD(groups, lr=0.1, **options), decay=decay)
        kept = clock.restart()
        assert kept["0.1"] == left[1] == 1
        errors.append(abs(kept["0.0"] - left[0]) / (1 - left[0]))
    assert errors[0] < 1e-12 if "momentum" not in options else 8 < errors[0] / errors[1] < 12
    assert errors[1] < 1e-3


@pytest.mark.parametrize("make", DECOUPLED.values(), ids=DECOUPLED)
def test_decoupled_decay_is_exact(make):
    clock, left = trained(lambda groups: make(groups, lr=0.1, weight_decay=0.0))
    assert clock.restart() == {"0.0": pytest.approx(left[0], rel=1e-12), "0.1": 1.0}


def test_what_adam_makes_of_a_coupled_decay_is_not_known():
    clock, left = trained(lambda groups: torch.optim.Adam(groups, lr=0.1))
    assert left[0] < 1
    assert clock.restart() == {"0.0": None, "0.1": 1.0}
    assert clock.restart() == {}


def test_a_clock_goes_on_where_another_one_was():
    def make(groups):
        return torch.optim.SGD(groups, lr=0.1, momentum=0.9)

    first, _ = trained(make)
    second = DecayClock()
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    assert trained(make, copy.deepcopy(first))[0].restart() == trained(make, second)[0].restart()


def test_every_trained_parameter_has_a_group():
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 3), nn.Linear(3, 1))
    model[1].bias.requires_grad_(False)
    one = torch.optim.SGD([{"params": [model[0].weight]}, {"params": [model[0].bias]}], lr=0.1)
    two = torch.optim.SGD(model[1].parameters(), lr=0.1)
    groups = parameter_groups(model, [one, two])
    assert groups == {"0.weight": "0.0", "0.bias": "0.1", "1.weight": "1.0"}
    clock = DecayClock()
    clock.step([one, two], two)
    assert not clock.restart()  # without a gradient nothing is stepped
    model[1].weight.grad = torch.zeros_like(model[1].weight)
    clock.step([one, two], two)
    assert set(clock.restart()) == {"1.0"}
