"""What weight decay does to charges, measured on small networks that are trained in small steps."""

import math

import pytest
import torch

from lightning_symmetry.functional import (
    decayed_charge,
    general_linear_charge,
    scale_charge,
    scaling_charges,
    stepped_charge,
    translation_charge,
)

DECAY, TIME = 0.4, 1.0


def relu_loss(weights, x, y):
    first, bias, second = weights
    return (torch.relu(x @ first.mT + bias.squeeze(-1)) @ second - y).square().mean()


def linear_loss(weights, x, y):
    first, second = weights
    return (x @ first.mT @ second - y).square().mean()


def softmax_loss(weights, x, y):
    return torch.nn.functional.cross_entropy(x @ weights[0].mT, y.argmax(dim=-1))


def normalised_loss(weights, x, y):
    return (torch.nn.functional.normalize(x @ weights[0].mT, dim=-1)[:, :2] - y).square().mean()


# Name: loss, shapes of its weights (one unit a row), charge, degree of the charge.
CHARGES = {
    "rescaling": (relu_loss, [(5, 3), (5, 1), (5, 2)], lambda w: scaling_charges(w, [1, 1, -1]), 2),
    "general linear": (linear_loss, [(4, 3), (4, 2)], lambda w: general_linear_charge(*w), 2),
    "scale": (normalised_loss, [(5, 3)], scale_charge, 2),
    "translation": (softmax_loss, [(2, 3)], lambda w: translation_charge(w[0]), 1),
}
every_charge = pytest.mark.parametrize("name", CHARGES)


def setup(name):
    loss, shapes, charge, degree = CHARGES[name]
    generator = torch.Generator().manual_seed(0)
    weights = [
        torch.randn(shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes
    ]
    x, y = (torch.randn(16, size, generator=generator, dtype=torch.float64) for size in (3, 2))
    return lambda: loss(weights, x, y), weights, charge, degree


def trained(name, steps, momentum=0.0):
    """Train for a fixed time and return the charge before and after."""
    loss, weights, charge, degree = setup(name)
    before = charge(weights).detach()
    optimizer = torch.optim.SGD(weights, lr=TIME / steps, weight_decay=DECAY, momentum=momentum)
    for _ in range(steps):
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
    return before, charge(weights).detach(), degree


@every_charge
def test_gradient_flow_with_weight_decay_shrinks_the_charge_by_its_degree(name):
    errors = []
    for steps in (400, 800):
        before, after, degree = trained(name, steps)
        errors.append((after - decayed_charge(before, DECAY, TIME, degree)).norm() / before.norm())
    assert errors[1] < 2e-3
    assert 1.8 < errors[0] / errors[1] < 2.2  # half the step, half the error


@every_charge
def test_the_wrong_degree_would_be_noticed(name):
    before, after, degree = trained(name, 400)
    assert (after - decayed_charge(before, DECAY, TIME, 3 - degree)).norm() > 0.1 * before.norm()


@every_charge
def test_one_step_of_sgd_adds_the_charge_of_the_gradient_exactly(name):
    loss, weights, charge, degree = setup(name)
    rate = 0.2  # far from the flow
    gradients = torch.autograd.grad(loss(), weights)
    after = charge([w - rate * (g + DECAY * w) for w, g in zip(weights, gradients, strict=True)])
    expected = stepped_charge(charge(weights), DECAY, rate, degree=degree)
    if degree == 2:
        assert (after - expected).norm() > 1e-4  # the gradient's share is there to be seen
        expected = expected + rate**2 * charge(gradients)
    torch.testing.assert_close(after, expected, rtol=1e-12, atol=1e-13)


def test_a_translation_is_exact_over_any_number_of_large_steps():
    before, after, degree = trained("translation", 3)
    torch.testing.assert_close(
        after, stepped_charge(before, DECAY, TIME / 3, 3, degree), rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("name", ["rescaling", "general linear", "scale"])
def test_what_steps_leave_out_is_of_first_order_at_a_fixed_time(name):
    errors = []
    for steps in (200, 400):
        before, after, degree = trained(name, steps)
        errors.append((after - stepped_charge(before, DECAY, TIME / steps, steps, degree)).norm())
    assert 1.8 < errors[0] / errors[1] < 2.2


def test_momentum_breaks_the_identity_that_holds_without_it():
    # With momentum, steps are not along the gradient of the weights that they change, even for a translation.
    for momentum, exact in ((0.0, True), (0.9, False)):
        before, after, degree = trained("translation", 20, momentum)
        error = (after - stepped_charge(before, DECAY, TIME / 20, 20, degree)).norm() / before.norm()
        assert (error < 1e-12) == exact


def test_small_steps_tend_to_the_flow():
    charge = torch.tensor([21.0, -3.0], dtype=torch.float64)
    flow = decayed_charge(charge, DECAY, TIME)
    torch.testing.assert_close(flow, charge * math.exp(-0.8))
    errors = [(stepped_charge(charge, DECAY, TIME / steps, steps) - flow).abs().max() for steps in (100, 200)]
    assert 1.95 < errors[0] / errors[1] < 2.05


@pytest.mark.parametrize(
    "drift", [lambda q: decayed_charge(q, 0.5, 2.0), lambda q: stepped_charge(q, 0.5, 0.1, 3)]
)
def test_what_is_not_finite_is_nan_and_half_precision_becomes_float32(drift):
    charge = drift(torch.tensor([1.0, math.nan, math.inf, 0.0]))
    assert charge.isnan().tolist() == [False, True, True, False]
    assert charge[3] == 0
    for dtype in (torch.float16, torch.bfloat16):
        assert drift(torch.ones((), dtype=dtype)).dtype == torch.float32
    assert drift(torch.ones(2, 3, 3, dtype=torch.float64)).dtype == torch.float64
    assert drift(torch.ones(2, 3, 3)).shape == (2, 3, 3)


def test_no_decay_or_no_time_changes_nothing():
    charge = torch.tensor([2.0, -1.0])
    for same in (
        decayed_charge(charge, 0.0, 5.0),
        decayed_charge(charge, 5.0, 0.0),
        stepped_charge(charge, 0.0, 0.1, 9),
        stepped_charge(charge, 0.1, 0.1, 0),
    ):
        assert torch.equal(same, charge)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda q: decayed_charge(q, -0.1, 1.0), "`decay` must be at least 0 and finite, got -0.1"),
        (lambda q: decayed_charge(q, 0.1, math.inf), "`time` must be at least 0 and finite, got inf"),
        (lambda q: decayed_charge(q, 0.1, 1.0, 3), "`degree` must be 1 or 2, got 3"),
        (lambda q: stepped_charge(q, 0.1, math.nan), "`rate` must be at least 0 and finite, got nan"),
        (lambda q: stepped_charge(q, 0.1, 0.1, -1), "`steps` must be at least 0 and finite, got -1"),
        (lambda q: decayed_charge(2.0, 0.1, 1.0), "`charge` must be a tensor, got float"),
        (lambda q: stepped_charge(q.long(), 0.1, 0.1), "`charge` must be real and floating-point, got dtype"),
    ],
)
def test_wrong_input_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call(torch.ones(2))
