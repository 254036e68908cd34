"""The number of parameters that a model needs, against the smaller model written out."""

import pytest
import torch
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import OrderParameters


def effective(model, x):
    observe = OrderParameters(find_symmetries(model, x))
    return observe(dict(model.named_parameters()))["symmetry/effective_parameters"].item()


def count(model, x):
    parameters = sum(p.numel() for p in model.parameters())
    return parameters - sum(s.dimension for s in find_symmetries(model, x))


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("activation", [nn.GELU, nn.ReLU, nn.Tanh])
def test_random_weights_need_all_but_their_orbits(activation):
    model = nn.Sequential(nn.Linear(5, 6), activation(), nn.Linear(6, 4), activation(), nn.Linear(4, 3))
    x = torch.zeros(2, 5)
    assert effective(model.double(), x.double()) == pytest.approx(count(model, x.double()))


@pytest.mark.parametrize("activation", [nn.GELU, nn.ReLU])
def test_duplicates_and_dead_units_count_as_a_smaller_model(activation):
    def model(width):
        return nn.Sequential(nn.Linear(5, width), activation(), nn.Linear(width, 3)).double()

    large, x = model(6), torch.zeros(2, 5).double()
    with torch.no_grad():
        large[0].weight[1], large[0].bias[1] = large[0].weight[0], large[0].bias[0]
        large[2].weight[:, 1] = large[2].weight[:, 0]
        large[0].weight[4], large[0].bias[4], large[2].weight[:, 4] = 0, 0, 0
    assert effective(large, x) == pytest.approx(count(model(4), x))


@pytest.mark.parametrize("rank", [1, 2, 5])
def test_a_product_of_low_rank_counts_as_the_manifold_of_such_matrices(rank):
    model = nn.Sequential(nn.Linear(8, 5, bias=False), nn.Linear(5, 7, bias=False)).double()
    with torch.no_grad():
        for layer in model:
            nn.init.orthogonal_(layer.weight)
        model[0].weight[:] = torch.eye(5)[:, :rank].double() @ model[0].weight[:rank]
    assert effective(model, torch.zeros(2, 8).double()) == pytest.approx(rank * (8 + 7 - rank))


def test_convolutions_shrink_by_channels():
    def model(width):
        return nn.Sequential(
            nn.Conv2d(3, width, 3),
            nn.GELU(),
            nn.Conv2d(width, 4, 3),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(16, 2),
        ).double()

    large, x = model(6), torch.zeros(2, 3, 6, 6).double()
    with torch.no_grad():
        large[0].weight[5], large[0].bias[5] = large[0].weight[3], large[0].bias[3]
        large[2].weight[:, 5] = large[2].weight[:, 3]
    assert effective(large, x) == pytest.approx(count(model(5), x))


def test_a_parameter_that_nobody_reads_counts_for_nothing():
    model = nn.Sequential(nn.Linear(5, 6), nn.GELU(), nn.Linear(6, 3)).double()
    x = torch.zeros(2, 5).double()
    whole = effective(model, x)
    model.register_parameter("spare", nn.Parameter(torch.zeros((), dtype=torch.float64)))
    assert effective(model, x) == whole


def test_a_model_without_symmetries_has_nothing_to_say():
    model, x = nn.Linear(3, 2).double(), torch.zeros(1, 3).double()
    assert OrderParameters(find_symmetries(model, x))(dict(model.named_parameters())) == {}
