"""What is frozen or quantised is passed over, unless it is named or there is nothing else."""

import copy

import pytest
import torch
from torch import nn

from lightning_symmetry import (
    AttentionBias,
    GroupGate,
    Hadamard,
    Syre,
    WeightAsymmetry,
    add_symmetry,
    fold,
    remove_symmetry,
)

from .added import Adapted, built, distance, step

WAYS = {"remove": (remove_symmetry, Syre(std=0.1)), "add": (add_symmetry, Hadamard())}
every_way = pytest.mark.parametrize(("function", "config"), WAYS.values(), ids=WAYS)


def steered(model: nn.Module) -> set[str]:
    return {n.rpartition("_")[0] for n, _ in model.named_modules() if n.endswith(("_asymmetry", "_factors"))}


@every_way
@pytest.mark.parametrize("pick", ["config", "wildcard", "filter"])
def test_of_an_adapted_layer_the_adapter_is_steered(function, config, pick):
    model, x = built("adapter")
    expected, base = model(x), model.base.weight
    if pick == "filter":
        function(model, config, filter=lambda name, parameter: "weight" in name)
    else:
        function(model, config if pick == "config" else {"*.weight": config})
    assert steered(model) == {"down.weight", "up.weight"}
    assert type(model.base) is nn.Linear and model.base.weight is base
    assert distance(model(x), expected) < 1e-12
    step(model, x)
    trained = model(x)
    fold(model)
    # What adapters are for: they become a part of what is frozen.
    merged = copy.deepcopy(model.base)
    with torch.no_grad():
        merged.weight.add_(model.up.weight @ model.down.weight)
    assert distance(merged(x), trained) < 1e-12
    assert distance(trained, expected) > 1e-4


class Quantised(nn.Module):
    """An eight-bit weight with scales, as quantisers store it, and a layer that is trained."""

    def __init__(self) -> None:
        super().__init__()
        self.packed = nn.Parameter(torch.randint(-9, 9, (4, 3), dtype=torch.int8), requires_grad=False)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(x @ self.packed.to(x).mT)


@every_way
def test_what_is_quantised_is_passed_over(function, config):
    model, x = Quantised(), torch.randn(3, 3)
    expected = model(x)
    function(model, config)
    assert steered(model) >= {"head.weight"} and "packed" not in steered(model)
    assert distance(model(x), expected) < 1e-6
    assert distance(fold(model)(x), expected) < 1e-6


@every_way
@pytest.mark.parametrize(
    ("make", "pattern", "message"),
    [
        (Adapted, "base.weight", r"`base.weight` must be trained, found it frozen \(requires_grad=False\)"),
        (Adapted, "base.*", r"something that is trained by 'base.\*': `base.weight` must be trained, found"),
        (Quantised, "packed", "`packed` must be float32 or float64, not quantised, found torch.int8"),
        (Quantised, "pack*", r"something that is trained by 'pack\*': `packed` must be float32 or float64"),
    ],
)
def test_what_is_named_or_alone_is_refused_with_the_reason(function, config, make, pattern, message):
    model = make()
    with pytest.raises(ValueError, match=message):
        function(model, {pattern: config, "*": config})
    assert not steered(model)


@every_way
def test_a_model_with_nothing_to_train_is_refused(function, config):
    model = Adapted().requires_grad_(False)
    with pytest.raises(ValueError, match=r"something that is trained by '\*': `base.weight` must be trained"):
        function(model, config)
    with pytest.raises(ValueError, match=r"something that is trained by '\*': `base.weight` must be trained"):
        function(Adapted(), config, filter=lambda name, parameter: name.startswith("base"))


def test_a_config_that_does_not_fit_what_is_frozen_fits_the_rest():
    assert steered(add_symmetry(Adapted(), GroupGate(size=4, dim=1), lambda name, p: "up" in name)) == {
        "up.weight"
    }
    model = nn.ModuleList([nn.Linear(1, 3).requires_grad_(False), nn.Linear(4, 3)])
    assert steered(remove_symmetry(model, WeightAsymmetry(fixed=2))) == {"1.weight"}


def test_frozen_attention_keeps_its_biases():
    model = nn.ModuleList([nn.MultiheadAttention(4, 2).requires_grad_(False), nn.MultiheadAttention(4, 2)])
    assert steered(remove_symmetry(model, AttentionBias())) == {"1.in_proj_bias"}
    with pytest.raises(ValueError, match="`0` must be trained, found it frozen"):
        remove_symmetry(model, {"0": AttentionBias()})


@pytest.mark.parametrize("function", [remove_symmetry, add_symmetry])
def test_trained_weights_of_half_precision_are_refused(function):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3).bfloat16())
    with pytest.raises(ValueError, match=r"`1.weight` must be float32 or float64, .* found torch.bfloat16"):
        function(model, Syre() if function is remove_symmetry else Hadamard())
    model[1].requires_grad_(False)
    function(model, Syre() if function is remove_symmetry else Hadamard())
    assert "1.weight" not in steered(model)
