"""Gradient flow conserves the charges; gradient descent follows it to first order in the step."""

import math

import pytest
import torch

from lightning_symmetry.functional import general_linear_charge, scaling_charges

FLOW_TIME = 1.0


def relu_charges(first, bias, second):
    return scaling_charges([first, bias.unsqueeze(-1), second.mT], [1, 1, -1])


def linear_charge(first, bias, second):
    return general_linear_charge(torch.cat([first, bias.unsqueeze(-1)], dim=-1), second.mT)


def charges_before_and_after(activation, charge, steps, decay=0.0):
    generator = torch.Generator().manual_seed(0)
    shapes = [(5, 3), (5,), (2, 5)]
    weights = [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes
    ]
    x = torch.randn(16, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(16, 2, generator=generator, dtype=torch.float64)
    before = charge(*weights).detach()
    for _ in range(steps):
        first, bias, second = weights
        loss = (activation(x @ first.mT + bias) @ second.mT - y).square().mean()
        gradients = torch.autograd.grad(loss, weights)
        with torch.no_grad():
            for weight, gradient in zip(weights, gradients, strict=True):
                weight -= FLOW_TIME / steps * (gradient + decay * weight)
    return before, charge(*weights).detach()


networks = pytest.mark.parametrize(
    ("activation", "charge"),
    [(torch.relu, relu_charges), (lambda h: h, linear_charge)],
    ids=["relu", "linear"],
)


@networks
@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_charges_decay_with_twice_the_weight_decay_up_to_an_error_of_first_order(activation, charge, decay):
    errors = []
    for steps in (400, 800):
        before, after = charges_before_and_after(activation, charge, steps, decay)
        errors.append((after - math.exp(-2 * decay * FLOW_TIME) * before).norm() / before.norm())
    assert errors[1] < 2e-3
    assert 1.8 < errors[0] / errors[1] < 2.2  # half the step, half the error


@networks
def test_the_test_would_notice_a_wrong_charge(activation, charge):
    def other(first, bias, second):
        return charge(first, torch.zeros_like(bias), second)  # forgets the bias

    before, after = charges_before_and_after(activation, other, 400)
    assert (after - before).norm() > 1e-2 * before.norm()
