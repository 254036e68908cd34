"""Models that choose their path with Python's random numbers: what is found holds on all paths."""

import random

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lightning_symmetry import find_symmetries

from .claims import assert_exactly, assert_proved
from .tracers import both_tracers, on_copies

PERMUTATION = "permutation 6: first.weight first.bias last.weight"
SCALING = "positive_scaling 6: first.weight first.bias last.weight^-1"


class Stochastic(nn.Module):
    """Puts another function between two layers once in a while."""

    def __init__(self, draw, between=torch.tanh) -> None:
        super().__init__()
        self.first, self.last, self.draw, self.between = nn.Linear(4, 6), nn.Linear(6, 3), draw, between
        self.own = random.Random(0)
        self.numpy = np.random.default_rng(0)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x).relu()
        return self.last(self.between(h) if self.draw(self) < 0.5 else h)


DRAWS = {
    "random": lambda model: random.random(),
    "numpy": lambda model: np.random.rand(),
    "a generator": lambda model: model.own.random(),
    "a numpy generator": lambda model: model.numpy.random(),
}


@pytest.fixture
def x() -> Tensor:
    return torch.randn(7, 4)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
@both_tracers
def test_what_one_path_breaks_is_broken(draw, find, x):
    for seed in range(3):
        random.seed(seed)
        np.random.seed(seed)
        model = Stochastic(draw)
        model.own.seed(seed)
        symmetries = find(model, x)
        assert_exactly(symmetries, PERMUTATION)
        assert_proved(symmetries, model, x)


def test_numbers_of_torch_that_python_reads_choose_a_path(x):
    for seed in range(3):
        torch.manual_seed(seed)
        model = Stochastic(lambda model: torch.rand(()))
        symmetries = on_copies(model, x)
        assert_exactly(symmetries, PERMUTATION)
        assert_proved(symmetries, model, x)


@both_tracers
def test_what_all_paths_keep_is_kept(find, x):
    model = Stochastic(DRAWS["random"], between=lambda h: 2 * h)
    symmetries = find(model, x)
    assert_exactly(symmetries, f"{PERMUTATION}\n{SCALING}")
    assert_proved(symmetries, model, x)


def test_layers_that_are_left_out_now_are_not_free_to_move(x):
    class Deep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(3))

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                if random.random() < 1e-9:  # on none of the paths that are tried
                    x = layer(x)
            return x * self.layers[0].weight.sum()

    moved = {leg.parameter for s in find_symmetries(Deep(), x) for leg in s.legs}
    assert moved == {"layers.0.weight"}  # whose entries are summed up


def test_dropout_beside_a_random_path_is_moved_along(x):
    class Dropping(Stochastic):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(nn.functional.dropout(x, 0.5))

    model = Dropping(DRAWS["random"])
    symmetries = find_symmetries(model, x)
    assert_exactly(symmetries, PERMUTATION)
    assert_proved(symmetries, model, x)


def seeded(h: Tensor) -> Tensor:
    torch.manual_seed(0)
    return torch.randn(6)


def seeded_for_a_while(h: Tensor) -> Tensor:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(torch.initial_seed() if torch.initial_seed() < 10 else 1)
        return torch.randn(6)


def from_a_generator(h: Tensor) -> Tensor:
    return torch.randn(6, generator=torch.Generator().manual_seed(0))


def fresh(h: Tensor) -> Tensor:
    return torch.randn(6)


@pytest.mark.parametrize("draw", [seeded, seeded_for_a_while, from_a_generator, fresh])
@both_tracers
def test_noise_that_is_the_same_each_time_is_a_constant(draw, find, x):
    class Noisy(Stochastic):
        def forward(self, x: Tensor) -> Tensor:
            return self.last(self.first(x).relu() * draw(x))

    torch.manual_seed(3)
    symmetries = find(Noisy(None), x)
    assert_proved(symmetries, Noisy(None), x)
    moving = [s.group for s in symmetries if any(leg.kind == "noise" for leg in s.legs)]
    assert ("permutation" in moving) is (draw is fresh)
    assert torch.initial_seed() == 3


def test_random_generators_stay_where_they_were(x):
    model = Stochastic(DRAWS["random"])
    states = random.getstate(), model.own.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()
    find_symmetries(model, x).errors(model, x)
    assert states[:2] == (random.getstate(), model.own.getstate())
    assert (states[2] == np.random.get_state()[1]).all()
    assert torch.equal(states[3], torch.get_rng_state())
