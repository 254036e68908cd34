"""What is put into a model comes out again, exactly."""

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from lightning_symmetry import (
    ActivationAsymmetry,
    AttentionBias,
    Syre,
    WeightAsymmetry,
    fold,
    remove_symmetry,
    undo,
)
from lightning_symmetry.layers import AsymmetricActivation
from lightning_symmetry.surgery import plain_state_dict

from .added import built, distance, step
from .steered import CASES, CONFIGS, FOLDABLE, mlp, removed


@pytest.mark.parametrize(("name", "kind"), CASES)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_undo_gives_the_very_same_objects_in_order(name, kind, dtype, tolerance):
    model, x = built(name, dtype)
    parameters, modules = list(model.named_parameters()), list(model.named_modules())
    types, values = (
        [type(module) for _, module in modules],
        [value.detach().clone() for _, value in parameters],
    )
    expected = model.eval()(x)
    assert remove_symmetry(model, CONFIGS[kind]) is model
    assert all(a == b and x is y for (a, x), (b, y) in zip(model.named_parameters(), parameters, strict=True))
    if kind == "syre":
        assert distance(model(x), expected) < tolerance
    elif not (kind == "weights" and name == "adapter"):
        assert distance(model(x), expected) > 1e-3
    undo(model)
    for found, before in ((model.named_parameters(), parameters), (model.named_modules(), modules)):
        assert all(a == b and x is y for (a, x), (b, y) in zip(found, before, strict=True))
    assert [type(module) for module in model.modules()] == types
    for (_, found), value in zip(parameters, values, strict=True):
        # The offset is subtracted and added again: one rounding each.
        assert torch.equal(found, value) or (kind == "syre" and distance(found, value) < tolerance)


@pytest.mark.parametrize(("name", "kind"), FOLDABLE)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-6)])
def test_fold_keeps_the_outputs(name, kind, dtype, tolerance):
    model, x = removed(name, kind, dtype)
    step(model.train(), x)
    expected = model.eval()(x)
    assert distance(fold(model)(x), expected) < tolerance
    assert [type(module) for module in model.modules()] == [
        type(module) for module in built(name)[0].modules()
    ]


def test_unlearned_biases_and_offsets_stack():
    model, x = built("vision")
    weight = model.attention.in_proj_bias
    remove_symmetry(model, {"attention": AttentionBias(), "*": Syre(std=0.1)})
    assert len(model.attention.in_proj_bias_asymmetry.removals) == 2
    step(model.train(), x)
    expected = model.eval()(x)
    assert torch.equal(model.attention.in_proj_bias[:8], torch.full((8,), 0.5))
    plain = plain_state_dict(model)
    twin = remove_symmetry(built("vision")[0], {"attention": AttentionBias(), "*": Syre(std=0.1)}).eval()
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), expected)
    assert distance(fold(model)(x), expected) < 1e-12
    assert model.attention.in_proj_bias is weight
    assert all(torch.equal(value, plain[key]) for key, value in model.state_dict().items())


def test_what_another_parametrisation_reads_is_steered_like_any_parameter():
    model, x = weight_norm(nn.Linear(4, 3)).double(), torch.randn(2, 4, dtype=torch.float64)
    expected = model(x)
    remove_symmetry(model, {"*original?": Syre(std=0.1)})
    assert distance(model(x), expected) < 1e-12
    assert distance(fold(copy.deepcopy(model))(x), expected) < 1e-12


def test_activations_are_not_folded():
    model = remove_symmetry(mlp(), {"1": ActivationAsymmetry(), "0.weight": WeightAsymmetry(fixed=1)})
    for function in (fold, plain_state_dict):
        with pytest.raises(ValueError, match=r"found `1`, an activation x·sigmoid\(Cx\) that no plain"):
            function(model)
    assert isinstance(model[1], AsymmetricActivation) and type(model[0]) is not nn.Linear


@pytest.mark.parametrize("take_back", [undo, fold])
def test_a_plain_model_has_nothing_to_take_back(take_back):
    with pytest.raises(
        ValueError, match="`model` must have an added symmetry, found none, nor a removed one"
    ):
        take_back(mlp())


def test_the_stored_parameter_cannot_be_replaced_by_a_weight():
    model = remove_symmetry(mlp(), {"0.weight": Syre()})
    with pytest.raises(AttributeError, match="`weight` of SteeredLinear must not be assigned, found that"):
        model[0].weight = nn.Parameter(torch.zeros(8, 4))
