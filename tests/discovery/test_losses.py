"""Losses: what they are blind to, besides what the outputs are blind to."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from .claims import Case, assert_exactly, assert_found, gaussian


def _mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))


HIDDEN = """
        permutation 5: 0.weight 0.bias 2.weight
        positive_scaling 5: 0.weight 0.bias 2.weight^-1
        """
CLASSES = torch.tensor([0, 1, 2, 0, 1, 2, 0])
TARGET = torch.rand(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
LOSSES = {
    "mse": lambda y: F.mse_loss(y, TARGET),
    "each mse": lambda y: F.mse_loss(y, TARGET, reduction="none"),
    "l1": lambda y: F.l1_loss(y, TARGET),
    "smooth l1": lambda y: F.smooth_l1_loss(y, TARGET),
    "bce": lambda y: F.binary_cross_entropy(y.sigmoid(), TARGET),
    "each bce": lambda y: F.binary_cross_entropy(y.sigmoid(), TARGET, reduction="none"),
    "bce of logits": lambda y: F.binary_cross_entropy_with_logits(y, TARGET),
}
BLIND = {
    "cross-entropy": lambda y: F.cross_entropy(y, CLASSES),
    "summed cross-entropy": lambda y: F.cross_entropy(y, CLASSES, reduction="sum"),
    "cross-entropy of probabilities": lambda y: F.cross_entropy(y, TARGET),
    "smoothed cross-entropy": lambda y: F.cross_entropy(y, CLASSES, label_smoothing=0.1),
    "divergence": lambda y: F.kl_div(y.log_softmax(1), TARGET, reduction="batchmean"),
}


@pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)
def test_a_loss_that_sees_all_of_the_output_adds_nothing(loss):
    assert_found(Case(_mlp, gaussian(4), HIDDEN, loss=loss))


@pytest.mark.parametrize("loss", BLIND.values(), ids=BLIND)
def test_cross_entropy_lets_all_logits_shift_together(loss):
    shifts = """
        translation 5: 2.weight
        translation 1: 2.bias
        """
    assert_found(Case(_mlp, gaussian(4), HIDDEN + shifts, loss=loss))


def test_the_shift_of_the_logits_is_the_same_in_every_row():
    case = Case(_mlp, gaussian(4), "", loss=BLIND["cross-entropy"])
    model = case.model()
    params = {name: p.detach() for name, p in model.named_parameters()}
    for symmetry in case.find(model):
        if symmetry.group == "translation":
            name = symmetry.legs[0].parameter
            shift = symmetry.act(params, symmetry.sample())[name] - params[name]
            torch.testing.assert_close(shift, shift[:1].expand_as(shift))
            assert shift.abs().min() > 0


def test_the_loss_is_remembered_by_a_part_of_the_symmetries():
    case = Case(_mlp, gaussian(4), "", loss=BLIND["cross-entropy"])
    model = case.model()
    shifts = [s for s in case.find(model) if s.group == "translation"]
    part = case.find(model)[2:]
    assert list(part) == shifts
    x = case.data(7)[0]
    assert max(part.errors(model, x).values()) < 1e-12
    assert part.errors(model, x, loss=lambda y: y)["all together"] > 1e-3
    assert part.completeness(model, case.data(7)[0], loss=_per_example).leak < 1e-12


def _per_example(y: torch.Tensor) -> torch.Tensor:
    return y.log_softmax(1).repeat(10, 1)


FROZEN = {
    "nothing": (
        (),
        """
        general_linear 4: 0.weight 0.bias 1.weight^-1
        translation 4: 0.bias 1.bias^-1
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "first weight": (
        ("0.weight",),
        """
        translation 4: 0.bias 1.bias^-1
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "middle weight": (
        ("1.weight",),
        """
        positive_scaling 1: 0.weight 0.bias 1.bias 3.weight^-1
        translation 4: 0.bias 1.bias^-1
        """,
    ),
    "middle bias": (
        ("1.bias",),
        """
        general_linear 4: 0.weight 0.bias 1.weight^-1
        """,
    ),
    "first bias": (
        ("0.bias",),
        """
        permutation 5: 1.weight 1.bias 3.weight
        positive_scaling 5: 1.weight 1.bias 3.weight^-1
        """,
    ),
    "last": (
        ("3.weight", "3.bias"),
        """
        general_linear 4: 0.weight 0.bias 1.weight^-1
        translation 4: 0.bias 1.bias^-1
        """,
    ),
    "all but one": (("0.weight", "0.bias", "1.weight", "3.weight", "3.bias"), ""),
}


@pytest.mark.parametrize("frozen", FROZEN.values(), ids=FROZEN)
def test_what_would_move_a_frozen_parameter_is_gone(frozen):
    names, expected = frozen

    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(6, 4), nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3))
        for name in names:
            model.get_parameter(name).requires_grad_(False)
        return model

    assert_found(Case(build, gaussian(6), expected))


def test_unused_parameters_may_do_anything():
    def build() -> nn.Module:
        model = nn.Sequential(nn.Linear(4, 3))
        model.register_parameter("unused", nn.Parameter(torch.randn(2)))
        return model

    case = Case(build, gaussian(4), "")
    symmetries = case.find(case.model())
    assert {leg.parameter for s in symmetries for leg in s.legs} == {"unused"}
    assert_exactly(symmetries, "translation 2: unused")
