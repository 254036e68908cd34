"""Losses that contain gradients of the network, and gradients that are replaced."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, vmap

from lightning_symmetry import find_symmetries

from .claims import Case, assert_complete, assert_exactly, assert_found, assert_proved, gaussian

HIDDEN = "0.weight 0.bias 2.weight"
PERMUTATION = f"permutation 6: {HIDDEN}"
SCALING = f"positive_scaling 6: {HIDDEN}^-1"
SIGN = f"sign 6: {HIDDEN}"


class Penalty(nn.Sequential):
    """The output of each example, and the size of its gradient with respect to the input."""

    def forward(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        y = super().forward(x)
        (slope,) = torch.autograd.grad(y.sum(), x, create_graph=True)
        return torch.stack([y[:, 0], slope.flatten(1).norm(dim=1)], 1)


def critic(activation: nn.Module) -> Penalty:
    return Penalty(nn.Linear(4, 6), activation, nn.Linear(6, 1))


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (nn.ReLU(), f"{PERMUTATION}\n{SCALING}"),
        (nn.LeakyReLU(), f"{PERMUTATION}\n{SCALING}"),
        (nn.Tanh(), f"{PERMUTATION}\n{SIGN}"),
        (nn.Identity(), f"general_linear 6: {HIDDEN}^-1\ntranslation 6: 0.bias 2.bias^-1"),
        (nn.Threshold(0.1, 0.0), PERMUTATION),
        (nn.ELU(), PERMUTATION),
        (nn.GELU(), PERMUTATION),
        (nn.Hardsigmoid(), PERMUTATION),
        (nn.Hardswish(), PERMUTATION),
        (nn.Hardtanh(), PERMUTATION),
        (nn.Mish(), PERMUTATION),
        (nn.Sigmoid(), PERMUTATION),
        (nn.SiLU(), PERMUTATION),
        (nn.Softplus(), PERMUTATION),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_a_gradient_penalty_keeps_what_the_network_keeps(activation, expected):
    assert_found(Case(lambda: critic(activation), gaussian(4), expected))


def test_nothing_is_missing_under_a_gradient_penalty():
    assert_complete(Case(lambda: critic(nn.LeakyReLU(0.2)), gaussian(4), "", nullity=6, outputs=2))
    assert_complete(Case(lambda: critic(nn.Tanh()), gaussian(4), "", nullity=0, outputs=2))


@pytest.mark.parametrize("softmax", [nn.Softmax(-1), nn.LogSoftmax(-1)])
def test_gradients_through_softmax(softmax):
    model, x = critic(softmax), torch.randn(7, 4)
    symmetries = find_symmetries(model, x)
    assert {("permutation", 6), ("translation", 1)} <= {(s.group, s.size) for s in symmetries}
    assert_proved(symmetries, model, x)


def test_dropout_keeps_its_mask_on_the_way_back():
    model, x = critic(nn.Dropout(0.5)), torch.randn(7, 4)
    symmetries = find_symmetries(model, x)
    assert {(s.group, s.size) for s in symmetries} == {("permutation", 6), ("scaling", 6)}
    assert_proved(symmetries, model, x)


def test_convolutions_on_the_way_back():
    def build() -> Penalty:
        return Penalty(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.ConvTranspose2d(6, 4, 3, stride=2),
            nn.ReLU(),
            nn.Conv2d(4, 3, 2),
            nn.Softplus(),
            nn.Flatten(),
            nn.Linear(3 * 36, 1),
        )

    model, x = build(), torch.randn(2, 1, 3, 3)
    symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)
    found = {(s.group, s.size, s.legs[0].parameter) for s in symmetries}
    assert {("permutation", 6, "0.weight"), ("positive_scaling", 6, "0.weight")} <= found
    assert {("permutation", 4, "2.weight"), ("positive_scaling", 4, "2.weight")} <= found


class PerExample(nn.Module):
    """Gradients of single examples."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 1))

    def forward(self, x: Tensor) -> Tensor:
        return vmap(grad(lambda example: self.net(example).sum()))(x)


def test_functional_transforms_are_seen_through():
    model, x = PerExample(), torch.randn(7, 4)
    symmetries = find_symmetries(model, x)
    assert_exactly(
        [s for s in symmetries if s.group in ("permutation", "sign") and s.size == 6],
        """
        permutation 6: net.0.weight net.0.bias net.2.weight
        sign 6: net.0.weight net.0.bias net.2.weight
        """,
    )
    assert_proved(symmetries, model, x)


class Inner(nn.Module):
    """The loss after a step of gradient descent: derivatives with respect to parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))

    def forward(self, x: Tensor) -> Tensor:
        params = dict(self.net.named_parameters())

        def loss(params: dict[str, Tensor]) -> Tensor:
            return functional_call(self.net, params, (x,)).square().mean()

        slopes = grad(loss)(params)
        return loss({name: value - 0.1 * slopes[name] for name, value in params.items()})


def test_meta_learning_keeps_what_a_gradient_step_keeps():
    model, x = Inner(), torch.randn(7, 4)
    symmetries = find_symmetries(model, x)
    assert_proved(symmetries, model, x)
    groups = [s.group for s in symmetries if any(leg.parameter == "net.0.weight" for leg in s.legs)]
    assert groups == ["permutation"]  # a step of gradient descent depends on the scale of the units


class StraightThrough(torch.autograd.Function):
    """The sign, whose gradient is passed on as if it were the identity."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x.sign()

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:
        return slope


class InPlace(torch.autograd.Function):
    """Writes into its input."""

    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.mark_dirty(x)
        return x.tanh_()

    @staticmethod
    def backward(ctx, slope: Tensor) -> Tensor:
        return slope


class Between(nn.Module):
    """A function between two layers."""

    def __init__(self, function) -> None:
        super().__init__()
        self.first, self.last, self.function = nn.Linear(4, 6), nn.Linear(6, 3), function

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.function(self.first(x)))


@pytest.mark.parametrize(
    ("function", "groups"),
    [
        (StraightThrough.apply, {"permutation", "sign"}),
        (lambda h: InPlace.apply(h.relu()), {"permutation"}),
        (lambda h: h.relu() + h.detach().relu(), {"permutation", "positive_scaling"}),
    ],
    ids=["straight through", "in place", "stopped"],
)
def test_the_value_counts_where_gradients_are_replaced(function, groups):
    model, x = Between(function), torch.randn(7, 4)
    symmetries = find_symmetries(model, x)
    assert {s.group for s in symmetries} >= groups
    assert_proved(symmetries, model, x)


def test_gradients_are_known_although_the_caller_records_none():
    model, x = critic(nn.LeakyReLU(0.2)), torch.randn(7, 4)
    with torch.no_grad():
        symmetries = find_symmetries(model, x)
        assert_proved(symmetries, model, x)
    assert symmetries == find_symmetries(model, x)
    assert all(parameter.grad is None for parameter in model.parameters())
