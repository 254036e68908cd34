"""Discovery and its measures see which symmetries went and which came."""

import pytest
import torch

from lightning_symmetry import (
    ActivationAsymmetry,
    AttentionBias,
    Hadamard,
    LowRank,
    Syre,
    WeightAsymmetry,
    add_symmetry,
    find_symmetries,
    fold,
    remove_symmetry,
    undo,
)
from lightning_symmetry.metrics import OrderParameters

from .added import Vision
from .steered import mlp


def found(model, x):
    return {symmetry.name for symmetry in find_symmetries(model, x)}


def measured(model, x):
    return set(OrderParameters(find_symmetries(model, x))(dict(model.named_parameters())))


@pytest.mark.parametrize(
    "config", [Syre(std=0.1), WeightAsymmetry(fixed=2), ActivationAsymmetry()], ids=lambda c: type(c).__name__
)
def test_removed_symmetries_are_neither_found_nor_measured(config):
    x = torch.zeros(2, 4)
    before, keys = found(mlp(), x), measured(mlp(), x)
    assert {"0.permutation", "0.positive_scaling", "2.permutation", "2.sign"} == before
    assert "symmetry/breaking_distance/0.permutation" in keys
    model = remove_symmetry(mlp(), config)
    assert not found(model, x)
    assert not any("permutation" in key or "scaling" in key for key in measured(model, x))
    undo(model)
    assert found(model, x) == before and measured(model, x) == keys


@pytest.mark.parametrize("training", [True, False])
def test_unlearned_biases_leave_what_does_not_touch_the_heads(training):
    x = torch.zeros(2, 3, 8, 8)
    before = found(Vision(), x)
    model = remove_symmetry(Vision(), AttentionBias()).train(training)
    gone = before - found(model, x)
    assert {name for name in before if "query_key" in name or "value" in name or "heads" in name} <= gone
    assert {"patches.general_linear", "attention.out_proj.general_linear"} <= before - gone
    assert found(undo(model), x) == before


@pytest.mark.parametrize(
    ("config", "group"),
    [(Hadamard(), "scaling"), (LowRank(), "general_linear")],
    ids=["hadamard", "low rank"],
)
def test_added_symmetries_are_found_measured_and_folded_away(config, group):
    x = torch.zeros(2, 4)
    before, keys = found(mlp(), x), measured(mlp(), x)
    model = add_symmetry(mlp(), {"2.weight": config})
    added = [symmetry for symmetry in find_symmetries(model, x) if symmetry.group == group]
    assert added and all("2.weight_factors" in leg.parameter for symmetry in added for leg in symmetry.legs)
    assert any(key.endswith(added[0].name) for key in measured(model, x))
    fold(model)
    assert found(model, x) == before and measured(model, x) == keys


@pytest.mark.parametrize("config", [Syre(std=0.1), WeightAsymmetry(fixed=2)], ids=lambda c: type(c).__name__)
def test_names_stay_those_of_the_plain_model(config):
    model = mlp()
    names = [name for name, _ in model.named_parameters()]
    symmetries = find_symmetries(model, torch.zeros(2, 4))
    remove_symmetry(model, config)
    assert [name for name, _ in model.named_parameters()] == names
    # The symmetries of the plain model go on being measured: how far training leaves them is seen.
    values = OrderParameters(symmetries)(dict(model.named_parameters()))
    assert values["symmetry/breaking_distance/0.permutation"] > 0
