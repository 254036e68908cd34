import pytest
import torch
from torch import nn

from lightning_symmetry import (
    GroupGate,
    Hadamard,
    LowRank,
    Mirror,
    ScalarGate,
    Syre,
    add_symmetry,
    fold,
    prune,
    remove_symmetry,
    undo,
)

from .added import perceptron


@pytest.mark.parametrize(
    ("config", "filter", "message"),
    [
        (
            {"0.wait": Hadamard()},
            None,
            "every pattern .* found none for '0.wait': .* among 0.weight",
        ),
        ({"*": Hadamard(), "0.*": None}, None, "every pattern of `config` .* found none for '0"),
        (
            Hadamard(),
            lambda name, parameter: False,
            "must choose at least one part of .* found none among 0.w",
        ),
        (Hadamard(), [], "must choose at least one part of `model`"),
        ({}, None, "must choose at least one part of `model`"),
        (
            {"*": LowRank()},
            None,
            "parameter `0.bias` must have at least two dimensions for LowRank, found shape",
        ),
        (LowRank(rank=2), None, "`rank` must be at least the rank of parameter `0.weight`, 5, .* found 2"),
        (GroupGate(dim=2), None, "`dim` must be a dimension of parameter `0.weight`, found 2 for shape"),
        (
            GroupGate(size=4),
            None,
            "`size` must divide dimension 0 of parameter `0.weight`, found 4 for shape",
        ),
        (
            Mirror(indices=[[7]], dim=0),
            None,
            "`indices` must be below the size of .* along `dim`, 6, found 7",
        ),
        (Mirror([[1.0]], dim=0), None, "`projector` must have the size of .* along `dim`, 6, found 1"),
        (Mirror([[1.0]], dim=3), None, "`dim` must be a dimension of parameter `0.weight`, found 3"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(config, filter, message):
    model = perceptron()
    names = list(model.state_dict())
    with pytest.raises(ValueError, match=message):
        add_symmetry(model, config, filter)
    assert list(model.state_dict()) == names
    assert [type(m) for m in model] == [nn.Linear, nn.Tanh, nn.Linear]


class Quantised(torch.Tensor):
    """A tensor with a format of its own."""


@pytest.mark.parametrize(
    ("parameter", "reason"),
    [
        (nn.Parameter(torch.ones(4, 6), requires_grad=False), "be trained, found it frozen"),
        (
            nn.Parameter(torch.ones(4, 6, dtype=torch.int8), requires_grad=False),
            "float64, not quantised, found torch.int8",
        ),
        (
            nn.Parameter(torch.ones(4, 6, dtype=torch.bfloat16)),
            "be float32 or float64, .* found torch.bfloat16",
        ),
        (nn.Parameter(torch.ones(4, 6).as_subclass(Quantised)), "not quantised, found Quantised"),
        (nn.UninitializedParameter(), "have a shape, found it lazy \\(UninitializedParameter"),
        (nn.Parameter(torch.ones(4, 6, device="meta")), "have values to start from, found it on the meta"),
        (nn.Parameter(torch.full((4, 6), torch.nan)), "hold finite numbers, at least one, found an infinity"),
        (nn.Parameter(torch.ones(0, 6)), "hold finite numbers, at least one, found none"),
    ],
)
def test_unfit_parameters_are_refused_with_the_reason(parameter, reason):
    model = perceptron()
    model[2].weight = parameter
    with pytest.raises(ValueError, match=f"`2.weight` must .*{reason}.*leave it out"):
        add_symmetry(model, {"2.weight": ScalarGate(), "*.weight": ScalarGate()})
    assert type(model[0]) is nn.Linear


def test_names_in_use_are_refused():
    model = nn.Linear(2, 2)
    model.weight_factors = 3
    with pytest.raises(ValueError, match="`weight` must be in a module without `weight_factors`, found"):
        add_symmetry(model, Hadamard())


@pytest.mark.parametrize("config", ["Hadamard", None, {"*": 3}, Hadamard])
def test_other_configs_are_refused(config):
    with pytest.raises(TypeError, match="`config` must be a ScalarGate, Hadamard"):
        add_symmetry(perceptron(), config)


@pytest.mark.parametrize("function", [undo, fold, prune])
def test_nothing_to_take_back_is_an_error(function):
    with pytest.raises(ValueError, match="`model` must have an added symmetry, found none"):
        function(perceptron())


@pytest.mark.parametrize("threshold", [-1.0, float("nan"), "1", True])
def test_threshold_is_checked(threshold):
    with pytest.raises(ValueError, match="`threshold` must be a finite number of at least 0, found"):
        prune(add_symmetry(perceptron(), Hadamard()), threshold)


def test_a_computed_parameter_cannot_be_assigned():
    model = add_symmetry(nn.Linear(2, 2), Hadamard())
    with pytest.raises(AttributeError, match="`weight` of SteeredLinear must not be assigned, found that it"):
        model.weight = nn.Parameter(torch.zeros(2, 2))
    model.bias = nn.Parameter(torch.zeros(2))
    undo(model).weight = nn.Parameter(torch.zeros(2, 2))


def test_not_on_top_of_a_removal():
    model = remove_symmetry(perceptron(), {"0.weight": Syre()})
    with pytest.raises(
        ValueError,
        match=r"parameter `0.weight` must not be steered already, found that it is; take that back",
    ):
        add_symmetry(model, {"0.*": Hadamard()})
    add_symmetry(model, {"2.weight": Hadamard()})
