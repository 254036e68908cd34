"""Weights that are not finite, vanish, are frozen, few or of half precision; and sketches of large spaces."""

import math

import pytest
import torch
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters


def model(width=6, activation=nn.ReLU, dtype=torch.float32):
    torch.manual_seed(0)
    layers = nn.Linear(5, width), activation(), nn.Linear(width, 4), activation(), nn.Linear(4, 3)
    return nn.Sequential(*layers).to(dtype)


def measured(net, exact=True):
    x = torch.zeros(2, 5, dtype=next(net.parameters()).dtype)
    observe = OrderParameters(find_symmetries(net, x), exact=exact)
    params = dict(net.named_parameters())
    gradients = {name: p.grad for name, p in params.items() if p.grad is not None}
    return {k: v.item() for k, v in (observe(params) | observe.motion(params, gradients)).items()}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_broken_weights_are_nan_where_they_are_and_nowhere_else(value):
    net = model()
    with torch.no_grad():
        net[4].weight[0, 0] = value
    values = measured(net)
    for key, number in values.items():
        own = key.endswith(("/2.permutation", "/2.positive_scaling"))
        if own and "rank" not in key and "ratio" not in key.split("/")[1] and "growth" not in key:
            assert math.isnan(number), key
        if key.endswith(("/0.permutation", "/0.positive_scaling")):
            assert math.isfinite(number), key


def test_no_gradients_mean_no_motion():
    assert {v for k, v in measured(model()).items() if "growth_rate" in k} == {0.0}


def test_a_collapsed_model_is_all_symmetric():
    net = model()
    for p in net.parameters():
        nn.init.zeros_(p)
    values = measured(net)
    assert all(math.isfinite(v) for v in values.values())
    assert values["symmetry/dead_units"] == 10 and values["symmetry/unbroken"] == 1
    assert values["symmetry/breaking_distance"] == values["symmetry/effective_rank"] == 0
    assert values["symmetry/effective_parameters"] == 3  # the last bias


def test_frozen_parameters_are_left_out():
    net = model()
    net[0].requires_grad_(False)
    values = measured(net)
    assert not any(key.endswith("/0.permutation") for key in values)
    assert "symmetry/breaking_distance/2.permutation" in values


def test_a_single_unit_is_neither_broken_nor_unbroken():
    values = measured(model(width=1))
    assert values["symmetry/distinct_units"] >= 1
    assert all(math.isfinite(v) for v in values.values())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_gives_the_numbers_of_the_same_weights_in_full(dtype):
    half, full = model(dtype=dtype), model(dtype=torch.float64)
    full.load_state_dict(half.state_dict())
    expected = measured(full)
    for key, value in measured(half).items():
        assert value == pytest.approx(expected[key], rel=2e-4, abs=1e-5), key


def test_mixed_dtypes_are_measured_together():
    net = model()
    net[4].double()
    symmetries = find_symmetries(model(), torch.zeros(2, 5))
    values = OrderParameters(symmetries)(dict(net.named_parameters()))
    assert all(v.isfinite() for v in values.values())


@pytest.fixture(scope="module")
def wide():
    net = nn.Sequential(nn.Linear(600, 900), nn.ReLU(), nn.Linear(900, 300), nn.GELU(), nn.Linear(300, 10))
    with torch.no_grad():
        net[0].weight[200:500] = net[0].weight[200]  # three hundred units that differ by their scale alone
        net[0].bias[200:500] = net[0].bias[200]
        net[0].weight[500:600] *= 1e-4
        net[0].bias[500:600] *= 1e-4
    return net


def test_a_sketch_is_close_to_what_it_sketches(wide):
    x = torch.zeros(1, 600)
    symmetries, params = find_symmetries(wide, x), dict(wide.named_parameters())
    exact, sketch = (OrderParameters(symmetries, exact=e)(params) for e in (True, False))
    for key, value in exact.items():
        quantity = key.split("/")[1]
        if quantity in {"distinct_units", "duplicate_units"}:
            assert abs(sketch[key] - value) < 0.085 * 1200, key
        elif quantity == "unbroken":
            assert abs(sketch[key] - value) < 0.085, key
        elif quantity == "participation_ratio":
            torch.testing.assert_close(sketch[key], value, rtol=0.2, atol=0)
        elif quantity in {"effective_rank", "stable_rank", "numerical_rank"}:
            assert key not in sketch  # there is no small space
        elif quantity == "dead_units":
            assert sketch[key] == value, key
        elif quantity in {"breaking_distance", "broken_share", "noether_imbalance"}:
            # a deviation of 12.5 % for a single direction; the weights have a hundred
            assert sketch[key].item() == pytest.approx(value.item(), rel=4 * 0.0125), key


@pytest.mark.parametrize("width", [48, 200])
def test_a_sketched_change_of_basis_is_close_to_the_exact_one(width):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(1000, width), nn.Linear(width, 900))
    with torch.no_grad():
        net[0].weight[:40] *= 5
    symmetries, params = find_symmetries(net, torch.zeros(1, 1000)), dict(net.named_parameters())
    exact, sketch = (OrderParameters(symmetries, exact=e)(params) for e in (True, False))
    error = 1e-4 if width <= 64 else 4 * 0.07
    for quantity in ("participation_ratio", "noether_imbalance", "breaking_distance"):
        key = f"symmetry/{quantity}/0.general_linear"
        assert sketch[key].item() == pytest.approx(exact[key].item(), rel=error), key


def test_convolutions_are_sketched_as_they_are_stored():
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(32, 128, 3), nn.ReLU(), nn.Conv2d(128, 128, 3), nn.ReLU(), nn.Conv2d(128, 64, 3)
    )
    with torch.no_grad():
        for layer in (net[0], net[2]):
            layer.weight[40:80], layer.bias[40:80] = layer.weight[:1], layer.bias[:1]
        net[4].weight[:, 40:80] = net[4].weight[:, :1]
    x = torch.zeros(1, 32, 8, 8)
    symmetries, params = find_symmetries(net, x), dict(net.named_parameters())
    exact, sketch = (OrderParameters(symmetries, exact=e)(params) for e in (True, False))
    for key, value in sketch.items():
        quantity = key.split("/")[1]
        if quantity in {"distinct_units", "dead_units", "duplicate_units", "unbroken"}:
            assert value.item() == pytest.approx(exact[key].item(), abs=1), key
        elif quantity != "effective_parameters":
            assert value.item() == pytest.approx(exact[key].item(), rel=0.25), key


def test_a_sketch_is_the_same_each_time_and_draws_nothing(wide):
    observe = OrderParameters(find_symmetries(wide, torch.zeros(1, 600)), exact=False)
    state = torch.random.get_rng_state()
    first, second = (observe(dict(wide.named_parameters())) for _ in range(2))
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_small_spaces_are_not_sketched():
    net = model()
    x = torch.zeros(2, 5)
    symmetries, params = find_symmetries(net, x), dict(net.named_parameters())
    exact, sketch = (OrderParameters(symmetries, exact=e)(params) for e in (True, False))
    assert exact.keys() == sketch.keys()
    for key in exact:
        torch.testing.assert_close(sketch[key], exact[key], msg=key)
