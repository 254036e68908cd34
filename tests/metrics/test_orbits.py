"""Motion along and across orbits, against dense generators."""

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy

from lightning_symmetry import find_symmetries
from lightning_symmetry.metrics import orbit_leak, travelled


class Block(nn.Module):
    """A pre-norm transformer block with attention, rectified units and a head."""

    def __init__(self, norm):
        super().__init__()
        self.first, self.second, self.last = norm(8), norm(8), norm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        y = self.first(x)
        x = x + self.attention(y, y, y)[0]
        return self.head(self.last(x + self.mlp(self.second(x))).mean(1))


TARGET = torch.tensor([0, 1, 2, 0])


def loss(output):
    return cross_entropy(output, TARGET)


@pytest.fixture(params=[nn.LayerNorm, nn.RMSNorm], ids=["layer norm", "rms norm"])
def block(request):
    torch.manual_seed(0)
    model, x = Block(lambda d: request.param(d, eps=1e-12)).double(), torch.randn(4, 5, 8).double()
    return model, x, find_symmetries(model, x, loss=loss), dict(model.named_parameters())


def test_a_gradient_has_no_slope_along_any_orbit(block):
    model, x, symmetries, params = block
    loss(model(x)).backward()
    leaks = orbit_leak(symmetries, params, {name: p.grad for name, p in params.items()})
    assert set(leaks) == {s.name for s in symmetries if s.dimension}
    assert {s.group for s in symmetries} >= {"general_linear", "positive_scaling", "scaling", "translation"}
    assert max(leak.item() for leak in leaks.values()) < 1e-10


def test_another_loss_leaks(block):
    model, x, symmetries, params = block
    (loss(model(x)) + 0.1 * params["mlp.0.weight"].square().sum()).backward()
    leaks = orbit_leak(symmetries, params, {name: p.grad for name, p in params.items()})
    assert leaks["mlp.hidden.positive_scaling"] > 1e-3
    assert leaks["attention.value.general_linear"] < 1e-10


def test_the_split_is_the_projection_onto_the_generators(block):
    _, _, symmetries, params = block
    generator = torch.Generator().manual_seed(1)
    before = {name: p.detach() for name, p in params.items()}
    after = {
        n: p + 1e-3 * torch.randn(p.shape, generator=generator, dtype=p.dtype) for n, p in before.items()
    }
    ways = travelled(symmetries, before, after)
    start, tangents = 0, symmetries.generators(before)
    for symmetry in symmetries:
        rows = tangents[start : (start := start + symmetry.dimension)]
        if not symmetry.dimension:
            continue
        moved = {leg.parameter for leg in symmetry.legs}
        step = torch.cat([((after[n] - p) * (n in moved)).flatten() for n, p in before.items()])
        along = rows.T @ torch.linalg.lstsq(rows.T, step, driver="gelsd").solution
        way = ways[symmetry.name]
        torch.testing.assert_close(way.along, along.norm(), rtol=1e-6, atol=1e-12)
        torch.testing.assert_close(way.across, (step - along).norm(), rtol=1e-6, atol=1e-12)


def test_a_move_along_an_orbit_is_not_across_it():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 5, bias=False), nn.Linear(5, 3, bias=False)).double()
    symmetries = find_symmetries(model, torch.zeros(1, 4).double())
    before = {name: p.detach() for name, p in model.named_parameters()}
    element = torch.matrix_exp(1e-5 * torch.randn(1, 5, 5, dtype=torch.float64))
    way = travelled(symmetries, before, symmetries[0].act(before, element))[symmetries[0].name]
    assert way.along > 1e-5
    assert way.across < 1e-4 * way.along


def test_missing_gradients_and_broken_ones():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    symmetries = find_symmetries(model, torch.zeros(1, 4))
    params = dict(model.named_parameters())
    assert orbit_leak(symmetries, params, {})["0.positive_scaling"] == 0
    broken = {name: torch.full_like(p, float("nan")) for name, p in params.items()}
    assert orbit_leak(symmetries, params, broken)["0.positive_scaling"].isnan()


def test_nothing_of_the_model_or_of_the_random_numbers_is_touched():
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
    symmetries = find_symmetries(model, torch.zeros(1, 4))
    params = dict(model.named_parameters())
    state, before = torch.random.get_rng_state(), {n: p.detach().clone() for n, p in params.items()}
    orbit_leak(symmetries, params, before)
    travelled(symmetries, params, before)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert all(torch.equal(p, before[n]) and p.grad is None and p.requires_grad for n, p in params.items())
