"""The symmetries go, and come back."""

import copy

import pytest
import torch

from lightning_symmetry import ActivationAsymmetry, WeightAsymmetry, find_symmetries, remove_symmetry, undo

from .steered import mlp


def test_symmetries_are_gone_and_come_back():
    x = torch.zeros(2, 4)
    before = [symmetry.name for symmetry in find_symmetries(mlp(), x)]
    assert {"0.permutation", "0.positive_scaling", "2.permutation", "2.sign"} <= set(before)
    for config in (WeightAsymmetry(fixed=2), ActivationAsymmetry()):
        model = remove_symmetry(mlp(), config)
        assert not find_symmetries(model, x)
        assert [symmetry.name for symmetry in find_symmetries(undo(model), x)] == before


@pytest.mark.parametrize("config", [WeightAsymmetry(fixed=2), ActivationAsymmetry()])
def test_no_exchange_of_hidden_units_keeps_the_function(config):
    # Independent of discovery, which might merely not know the layers.
    def exchanged(model, i, j):
        order = list(range(8))
        order[i], order[j] = j, i
        state = dict(model.named_parameters())
        for key, value in state.items():
            if key.startswith("0."):
                state[key] = value[order]
            if key.startswith("2.") and value.ndim == 2:
                state[key] = value[:, order]
        other = copy.deepcopy(model)
        other.load_state_dict(other.state_dict() | state)
        return other

    x = torch.randn(32, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    plain = mlp().double()
    steered = remove_symmetry(mlp().double(), config)
    for i in range(8):
        for j in range(i):
            assert (exchanged(plain, i, j)(x) - plain(x)).abs().max() < 1e-12
            assert (exchanged(steered, i, j)(x) - steered(x)).abs().max() > 1e-3
