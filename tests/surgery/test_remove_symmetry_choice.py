"""Which parts of a model a config acts on, and which it refuses."""

import copy

import pytest
import torch
from torch import nn

from lightning_symmetry import (
    ActivationAsymmetry,
    AttentionBias,
    Hadamard,
    Syre,
    WeightAsymmetry,
    add_symmetry,
    find_symmetries,
    remove_symmetry,
    undo,
)
from lightning_symmetry.layers import AsymmetricActivation, FixedWeights, Offset
from lightning_symmetry.surgery import syre_offset

from .steered import cnn, mlp


def test_tied_weights_get_one_offset():
    model = nn.ModuleDict({"embedding": nn.Embedding(7, 4), "head": nn.Linear(4, 7, bias=False)})
    model["head"].weight = model["embedding"].weight
    weight = model["embedding"].weight
    before = weight.detach().clone()
    offset = syre_offset(model, "embedding.weight", Syre(std=0.1))
    remove_symmetry(model, Syre(std=0.1))
    assert dict(model["head"].named_parameters())["weight"] is weight
    assert model["head"].weight_asymmetry is model["embedding"].weight_asymmetry
    assert torch.equal(weight, before - offset)
    assert torch.equal(model["head"].weight, model["embedding"].weight)
    undo(model)
    assert model["head"].weight is model["embedding"].weight is weight
    torch.testing.assert_close(weight, nn.Parameter(before), rtol=0, atol=1e-6)


def test_a_shared_activation_is_replaced_wherever_it_is_used():
    shared = nn.ReLU()
    model = nn.Sequential(nn.Linear(3, 3), shared, nn.Linear(3, 3), nn.Sequential(shared))
    remove_symmetry(model, ActivationAsymmetry())
    assert isinstance(model[1], AsymmetricActivation) and model[3][0] is model[1]
    undo(model)
    assert model[1] is shared and model[3][0] is shared


def test_activations_take_width_axis_device_and_precision_of_the_layer_before():
    model = remove_symmetry(cnn().double(), ActivationAsymmetry(scale=2.0, seed=1))
    assert (model[2].axis, tuple(model[2].mixing.shape), model[2].mixing.dtype) == (1, (6, 6), torch.float64)


def test_the_first_pattern_that_acts_on_a_part_decides():
    model = mlp()
    config = {"0.*": None, "2.*": WeightAsymmetry(fixed=1), "[13]": ActivationAsymmetry(), "*": Syre()}
    remove_symmetry(model, config, filter=lambda name, part: name != "3")
    found = {
        name: type(part.removals[0]) for name, part in model.named_modules() if hasattr(part, "removals")
    }
    assert found == {
        "2.weight_asymmetry": FixedWeights,
        "2.bias_asymmetry": Offset,
        "4.weight_asymmetry": Offset,
        "4.bias_asymmetry": Offset,
    }
    assert [type(model[i]) for i in (1, 3)] == [AsymmetricActivation, nn.Tanh]


def test_the_filter_may_be_symmetries():
    model = mlp()
    symmetries = [s for s in find_symmetries(model, torch.zeros(1, 4)) if s.name == "0.permutation"]
    remove_symmetry(model, WeightAsymmetry(fixed=1), filter=symmetries)
    assert [type(model[i]) is nn.Linear for i in (0, 2, 4)] == [False, False, True]


def frozen() -> nn.Module:
    model = mlp()
    model[4].bias.requires_grad_(False)
    return model


@pytest.mark.parametrize(
    ("model", "config", "message"),
    [
        (frozen(), {"4.bias": Syre(), "*": Syre()}, "`4.bias` must be trained, found it frozen"),
        (
            mlp().bfloat16(),
            Syre(),
            "parameter `0.weight` must be float32 or float64, .* found torch.bfloat16",
        ),
        (remove_symmetry(mlp(), Syre()), WeightAsymmetry(fixed=1), "must not be steered already"),
        (add_symmetry(mlp(), Hadamard()), Syre(), "must be no factor of an added symmetry"),
        (
            nn.Linear(3, 3, device="meta"),
            Syre(),
            "must have values to start from, found it on the meta",
        ),
        (mlp(), {"9.*": Syre()}, r"every pattern of `config` must be the first to match .* for '9\.\*'"),
        (mlp(), {"*": Syre(), "0.weight": None}, "found none for '0.weight': None among 0.weight, 0.bias"),
        (mlp(), {"1": Syre()}, "found none for '1': Syre"),
        (mlp(), {"0.*": None}, "`config` and `filter` must choose at least one part"),
        (mlp(), {}, "`config` and `filter` must choose at least one part"),
        (
            nn.ReLU(),
            Syre(),
            "at least one part of `model` .* found none among no parts",
        ),
        (
            mlp(),
            WeightAsymmetry(fixed=8),
            "`fixed` must be less than the entries in a row of `0.weight`, found 8",
        ),
        (nn.Sequential(nn.ReLU(), nn.Linear(2, 2)), ActivationAsymmetry(), "`0` must follow a linear layer"),
        (remove_symmetry(mlp(), ActivationAsymmetry()), ActivationAsymmetry(), "`1` must not be steered"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_changes(model, config, message):
    before = [(name, type(module)) for name, module in model.named_modules()]
    values = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=message):
        remove_symmetry(model, config)
    assert [(name, type(module)) for name, module in model.named_modules()] == before
    assert all(
        value.is_meta or torch.equal(value, values[name]) for name, value in model.state_dict().items()
    )


def test_a_filter_that_keeps_nothing_is_refused():
    with pytest.raises(ValueError, match="`config` and `filter` must choose at least one part of `model`"):
        remove_symmetry(mlp(), Syre(), filter=lambda name, part: False)


@pytest.mark.parametrize("config", [Hadamard(), None, {"*": 3}])
def test_other_configs_are_refused(config):
    with pytest.raises(TypeError, match="`config` must be a Syre, WeightAsymmetry"):
        remove_symmetry(mlp(), config)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WeightAsymmetry(fixed=0), "`fixed` must be an integer of at least 1, found 0"),
        (lambda: WeightAsymmetry(fixed=True), "`fixed` must be an integer of at least 1, found True"),
        (lambda: WeightAsymmetry(fixed=1, scale=0), "`scale` must be a finite number above 0, found 0"),
        (lambda: WeightAsymmetry(fixed=1, seed=-1), "`seed` must be an integer of at least 0, found -1"),
        (
            lambda: ActivationAsymmetry(scale=float("nan")),
            "`scale` must be a finite number above 0, found nan",
        ),
        (lambda: ActivationAsymmetry(seed=0.5), "`seed` must be an integer of at least 0, found 0.5"),
        (lambda: AttentionBias(std=-1), "`std` must be a finite number of at least 0, found -1"),
        (lambda: AttentionBias(query_mean=float("inf")), "`query_mean` must be a finite number, found inf"),
        (lambda: AttentionBias(part="key"), "`part` must be one of .*, found 'key'"),
    ],
)
def test_configs_check_their_fields(make, message):
    with pytest.raises(ValueError, match=message):
        make()
