"""What is frozen is a function of the seed alone."""

import pytest
import torch
from torch import nn

from lightning_symmetry import WeightAsymmetry, remove_symmetry
from lightning_symmetry.layers import FixedWeights

from .added import built
from .steered import CASES, CONFIGS, mlp


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_random_state_is_touched_and_draws_are_equal(name, kind):
    models, x = [built(name)[0], built(name)[0]], built(name)[1]
    state = torch.random.get_rng_state()
    for model in models:
        remove_symmetry(model, CONFIGS[kind])
        model(x)
    assert torch.equal(torch.random.get_rng_state(), state)
    for a, b in zip(models[0].buffers(), models[1].buffers(), strict=True):
        assert torch.equal(a, b)


def test_masks_are_float_and_equal_in_every_precision():
    model = remove_symmetry(mlp(), WeightAsymmetry(fixed=2))
    double = remove_symmetry(mlp().double(), WeightAsymmetry(fixed=2))
    for a, b in zip(model.buffers(), double.buffers(), strict=True):
        assert a.dtype == torch.float32 and torch.equal(a.double(), b)
    fixed = model[2].weight_asymmetry.removals[0]
    assert isinstance(fixed, FixedWeights)
    assert torch.equal(fixed.trained.unique(), torch.tensor([0.0, 1.0]))
    assert torch.equal(fixed.trained.sum(1), torch.full((8,), 6.0))


def test_fixed_entries_have_the_scale_and_get_no_gradient():
    model = remove_symmetry(nn.Linear(400, 300), WeightAsymmetry(fixed=100, scale=0.5))
    fixed = model.weight_asymmetry.removals[0]
    held = fixed.trained == 0
    # 30,000 draws: within 3 % with a margin of five standard errors.
    assert abs(float(model.weight.detach()[held].std()) / 0.5 - 1) < 0.03
    model(torch.ones(2, 400)).sum().backward()
    gradient = dict(model.named_parameters())["weight"].grad
    assert not gradient[held].any() and gradient[~held].all()
