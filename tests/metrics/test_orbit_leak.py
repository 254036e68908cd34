"""The slope of the loss along orbits in closed form, against the generators of the groups."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters, orbit_leak
from lightning_symmetry.metrics._model.leak import has_closed_form

from ..discovery.architectures import ARCHITECTURES

KEY = "symmetry/orbit_leak"
TARGET = torch.tensor([0, 1, 2, 0])
CHOSEN = (
    "pre-norm transformer, packed",
    "decoder, nn.RMSNorm",
    "gains of one plus a weight",
    "rotary, halves",
    "rotary, interleaved",
    "BERT",
    "Llama",
)


class Block(nn.Module):
    """A pre-norm transformer block with attention, rectified units and a head of two layers."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8))
        self.head = nn.Sequential(nn.Linear(8, 5), nn.Linear(5, 3))

    def forward(self, x):
        y = self.first(x)
        x = x + self.attention(y, y, y)[0]
        return self.head((x + self.mlp(self.second(x))).mean(1))


def loss(output):
    return cross_entropy(output, TARGET)


@pytest.fixture
def block():
    torch.manual_seed(0)
    model, x = Block().double(), torch.randn(4, 5, 8).double()
    return model, x, find_symmetries(model, x, loss=loss), dict(model.named_parameters())


def leaks(symmetries, params, gradients):
    """The leak of each symmetry, and that of the model under the name ``""``."""
    values = OrderParameters(symmetries).motion(params, gradients)
    return {k.removeprefix(KEY).removeprefix("/"): v.item() for k, v in values.items() if k.startswith(KEY)}


def gradients_of(params):
    return {name: p.grad for name, p in params.items()}


@pytest.mark.parametrize("name", CHOSEN)
def test_the_closed_form_is_that_of_the_generators(name):
    model = ARCHITECTURES[name].model()
    symmetries = find_symmetries(model, *ARCHITECTURES[name].data(4))
    params = dict(model.named_parameters())
    torch.manual_seed(1)
    gradients = {n: torch.randn_like(p) for n, p in params.items()}
    found = leaks(symmetries, params, gradients)
    rows = symmetries.generators({**params, **dict(model.named_buffers())}).split(
        [s.dimension for s in symmetries]
    )
    slope = torch.cat([g.flatten() for g in gradients.values()])
    for symmetry, tangents in zip(symmetries, rows, strict=True):
        if symmetry.name in found:
            expected = (tangents[:, : slope.numel()] @ slope).norm() / tangents[:, : slope.numel()].norm()
            expected /= slope.norm()
            assert found[symmetry.name] == pytest.approx(expected.item(), rel=1e-10), symmetry.name
    assert {s.name for s in symmetries if s.dimension and has_closed_form(s)} == set(found) - {""}


def test_it_is_what_orbit_leak_measures_of_diagonal_groups(block):
    # of matrix groups, that one draws the length of all generators
    model, x, symmetries, params = block
    (loss(model(x)) + sum(p.square().sum() for p in params.values())).backward()
    gradients = gradients_of(params)
    found, reference = leaks(symmetries, params, gradients), orbit_leak(symmetries, params, gradients)
    diagonal = [s.name for s in symmetries if s.name in found and "scaling" in s.group]
    assert len(diagonal) == 3
    for name in diagonal:
        assert found[name] == pytest.approx(reference[name].item(), rel=1e-12) and found[name] > 1e-3


def test_the_training_loss_has_no_slope(block):
    model, x, symmetries, params = block
    loss(model(x)).backward()
    found = leaks(symmetries, params, gradients_of(params))
    groups = {s.group for s in symmetries if s.name in found}
    assert groups == {"general_linear", "positive_scaling", "scaling", "translation"}
    assert max(found.values()) < 1e-10


def test_a_loss_that_breaks_a_symmetry_has_one(block):
    model, x, symmetries, params = block
    (loss(model(x)) + 0.1 * params["mlp.0.weight"].square().sum()).backward()
    found = leaks(symmetries, params, gradients_of(params))
    broken = {"second.scaling", "mlp.hidden.positive_scaling"}
    assert all((leak > 1e-3) == (name in broken) for name, leak in found.items() if name)
    assert found[""] == max(found.values())


def test_the_scale_of_gradients_and_weight_decay_in_the_optimizer_do_not_matter(block):
    model, x, symmetries, params = block
    (loss(model(x)) + 0.1 * params["mlp.0.weight"].square().sum()).backward()
    gradients = gradients_of(params)
    measure = OrderParameters(symmetries)
    expected = measure.motion(params, gradients)
    scaled = {name: 2.0**-40 * gradient for name, gradient in gradients.items()}
    values = measure.motion(params, scaled, dict.fromkeys(params, 0.1))
    for key in (key for key in values if key.startswith(KEY)):
        torch.testing.assert_close(values[key], expected[key], rtol=1e-12, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rounding_is_all_that_is_seen_in_lower_precision(dtype, block):
    model, x, symmetries, _ = block
    model.to(dtype)
    loss(model(x.to(dtype))).backward()
    params = dict(model.named_parameters())
    assert max(leaks(symmetries, params, gradients_of(params)).values()) < 4 * torch.finfo(dtype).eps


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3))


def test_what_misses_a_gradient_is_not_checked():
    model, x = network(), torch.randn(4, 4)
    symmetries = find_symmetries(model, x)
    model[4].requires_grad_(False)
    loss(model(x)).backward()
    params = dict(model.named_parameters())
    gradients = {name: p.grad for name, p in params.items() if p.grad is not None}
    assert set(leaks(symmetries, params, gradients)) == {"", "0.positive_scaling"}
    assert leaks(symmetries, params, {}) == {}


def test_no_slope_anywhere_is_no_leak():
    model = network()
    params = dict(model.named_parameters())
    found = leaks(find_symmetries(model, torch.zeros(1, 4)), params, {n: 0 * p for n, p in params.items()})
    assert set(found.values()) == {0.0}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_is_nan_where_it_is(value):
    model, x = network(), torch.randn(4, 4)
    loss(model(x)).backward()
    params = dict(model.named_parameters())
    params["4.weight"].grad[0, 0] = value
    found = leaks(find_symmetries(model, x), params, gradients_of(params))
    assert {name: value == value for name, value in found.items()} == {
        "": False,
        "0.positive_scaling": True,
        "2.positive_scaling": False,
    }


def test_a_bias_in_front_of_a_normalisation_has_rounding_errors_for_a_gradient_but_no_leak():
    torch.manual_seed(0)
    model, x = nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Linear(5, 3)), torch.randn(4, 4)
    symmetries = find_symmetries(model, x)
    loss(model(x)).backward()
    params = dict(model.named_parameters())
    assert params["0.bias"].grad.abs().max() > 0
    found = leaks(symmetries, params, gradients_of(params))
    assert found["0.bias.translation"] < 1e-6
    assert found[""] < 1e-6 < found["0.positive_scaling"]  # which holds at eps = 0 only
