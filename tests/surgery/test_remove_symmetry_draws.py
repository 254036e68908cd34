"""What is frozen is a function of the seed alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from lightning_symmetry import WeightAsymmetry, remove_symmetry
from lightning_symmetry.layers import FixedWeights

from .steered import CASES, CONFIGS, MODELS, batch, mlp, output


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_random_state_is_touched_and_draws_are_equal(name, kind):
    models = [MODELS[name][0](), MODELS[name][0]()]
    state = torch.random.get_rng_state()
    for model in models:
        remove_symmetry(model, CONFIGS[kind])
        output(model, batch(name))
    assert torch.equal(torch.random.get_rng_state(), state)
    for a, b in zip(models[0].buffers(), models[1].buffers(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_averages_of_weights_keep_what_is_frozen(name, kind):
    model = remove_symmetry(MODELS[name][0](), CONFIGS[kind])
    average = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.9), use_buffers=True)
    for _ in range(3):
        average.update_parameters(model)
    frozen = [
        (buffer, averaged)
        for (key, buffer), averaged in zip(model.named_buffers(), average.module.buffers(), strict=True)
        if key.endswith((".offset", ".trained", ".frozen", ".mixing", ".mean", ".unlearned"))
    ]
    assert frozen and all(torch.equal(buffer, averaged) for buffer, averaged in frozen)


def test_masks_are_float_and_equal_in_every_precision():
    model = remove_symmetry(mlp(), WeightAsymmetry(fixed=2))
    double = remove_symmetry(mlp().double(), WeightAsymmetry(fixed=2))
    for a, b in zip(model.buffers(), double.buffers(), strict=True):
        assert a.dtype == torch.float32 and torch.equal(a.double(), b)
    fixed = model[2].parametrizations.weight[0]
    assert isinstance(fixed, FixedWeights)
    assert torch.equal(fixed.trained.unique(), torch.tensor([0.0, 1.0]))
    assert torch.equal(fixed.trained.sum(1), torch.full((8,), 6.0))


def test_fixed_entries_have_the_scale_and_get_no_gradient():
    model = remove_symmetry(nn.Linear(400, 300), WeightAsymmetry(fixed=100, scale=0.5))
    fixed = model.parametrizations.weight[0]
    held = fixed.trained == 0
    # 30,000 draws: within 3 % with a margin of five standard errors.
    assert abs(float(model.weight.detach()[held].std()) / 0.5 - 1) < 0.03
    model(torch.ones(2, 400)).sum().backward()
    gradient = model.parametrizations.weight.original.grad
    assert not gradient[held].any() and gradient[~held].all()


DRAWS = """
import torch
from torch import nn
from lightning_symmetry import ActivationAsymmetry, AttentionBias, WeightAsymmetry, remove_symmetry
def drawn():
    model = nn.ModuleDict({"up": nn.Linear(4, 3), "act": nn.ReLU(), "attention": nn.MultiheadAttention(4, 2)})
    weights = WeightAsymmetry(fixed=1, seed=3)
    remove_symmetry(model, {"up.weight": weights, "act": ActivationAsymmetry(), "attention": AttentionBias()})
    values = [*model["up"].parametrizations.weight.buffers(), model["act"].mixing]
    values = [*values, model["attention"].in_proj_bias]
    return [value.hex() for tensor in values for value in tensor[[0, 1]].flatten().tolist()]
"""


def test_draws_are_equal_in_a_fresh_process():
    fresh = subprocess.run(
        [sys.executable, "-c", f"{DRAWS}\ntorch.manual_seed(99)\nprint(drawn())"],
        check=True,
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )
    space: dict = {}
    exec(DRAWS, space)
    assert fresh.stdout.strip() == str(space["drawn"]())
