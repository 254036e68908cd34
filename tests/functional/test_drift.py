"""How far charges move between two looks, on weights moved by hand and on networks that are trained."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import (
    general_linear_charge,
    general_linear_drift,
    general_linear_imbalance,
    scaling_charges,
    scaling_drift,
    scaling_imbalance,
    stepped_charge,
)

DECAY = 0.4
POWERS = [1, 1, -1]
KINDS = {
    "scaling": (
        scaling_drift,
        lambda legs: scaling_charges(legs, POWERS),
        lambda charge: charge.abs().sum(-1),
        lambda legs: scaling_imbalance(legs, POWERS),
    ),
    "general linear": (
        general_linear_drift,
        lambda legs: general_linear_charge(torch.cat(legs[:2], -1), legs[2]),
        lambda charge: charge.flatten(-2).norm(dim=-1),
        lambda legs: general_linear_imbalance(torch.cat(legs[:2], -1), legs[2]),
    ),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def weights(seed=0, copies=(2,), dtype=torch.float64):
    """What writes five units, their biases, and what reads them."""
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*copies, 5, k, generator=generator, dtype=dtype) for k in (3, 1, 2)]


def scale(kind, legs):
    """What the charges of these weights could be."""
    _, charge, size, imbalance = KINDS[kind]
    return size(charge(legs)) / imbalance(legs)


@every_kind
@settings(max_examples=25, deadline=None)
@given(kept=st.lists(st.floats(0.0, 1.0), min_size=3, max_size=3), seeds=st.tuples(*[st.integers(0, 99)] * 2))
def test_it_is_the_distance_between_charges(kind, kept, seeds):
    drift, charge, size, _ = KINDS[kind]
    before, after = map(weights, seeds)
    decayed = [share * leg for share, leg in zip(kept, before, strict=True)]
    found = drift(before, after, POWERS, kept)
    distances = [(after, before), (decayed, before), (after, decayed)]
    expected = [size(charge(one) - charge(other)) / scale(kind, before) for one, other in distances]
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=1e-10, atol=1e-13)


@every_kind
def test_decay_alone_takes_a_share_of_the_imbalance(kind):
    drift, _, _, imbalance = KINDS[kind]
    before = weights()
    moved, predicted, unexplained = drift(before, [0.9 * leg for leg in before], POWERS, [0.9] * 3)
    torch.testing.assert_close(moved, 0.19 * imbalance(before))
    torch.testing.assert_close(predicted, moved)
    assert unexplained.max() < 1e-15


@every_kind
def test_a_permutation_of_the_units_changes_nothing(kind):
    order = torch.tensor([3, 0, 4, 1, 2])
    before, after = weights(0), weights(1)
    permuted = [[leg[:, order] for leg in look] for look in (before, after)]
    drift, kept = KINDS[kind][0], [0.9, 1.0, 0.8]
    torch.testing.assert_close(
        torch.stack(drift(*permuted, POWERS, kept)), torch.stack(drift(before, after, POWERS, kept))
    )


def test_a_rotation_changes_nothing_of_a_general_linear_group():
    turn = torch.linalg.qr(weights(2)[0] @ weights(3)[0].mT).Q
    before, after = weights(0), weights(1)
    turned = [[turn @ leg for leg in look] for look in (before, after)]
    torch.testing.assert_close(
        torch.stack(general_linear_drift(*turned, POWERS, [0.9] * 3)),
        torch.stack(general_linear_drift(before, after, POWERS, [0.9] * 3)),
    )


def relu_loss(legs, x, y):
    first, bias, second = legs
    return (torch.relu(x @ first.mT + bias.squeeze(-1)) @ second - y).square().mean()


def linear_loss(legs, x, y):
    first, bias, second = legs
    return ((x @ first.mT + bias.squeeze(-1)) @ second - y).square().mean()


@pytest.mark.parametrize(("kind", "loss"), [("scaling", relu_loss), ("general linear", linear_loss)])
def test_decay_explains_what_descent_does_to_charges_up_to_the_learning_rate(kind, loss):
    drift, charge, size, _ = KINDS[kind]
    data = torch.Generator().manual_seed(5)
    x, y = (torch.randn(16, k, generator=data, dtype=torch.float64) for k in (3, 2))
    errors = []
    for steps in (100, 200):
        legs = [leg.requires_grad_() for leg in weights(copies=())]
        before = [leg.detach().clone() for leg in legs]
        optimizer = torch.optim.SGD(legs, lr=1 / steps, weight_decay=DECAY)
        for _ in range(steps):
            optimizer.zero_grad()
            loss(legs, x, y).backward()
            optimizer.step()
        after = [leg.detach() for leg in legs]
        found = drift(before, after, POWERS, [(1 - DECAY / steps) ** steps] * 3)
        stepped = stepped_charge(charge(before), DECAY, 1 / steps, steps)
        torch.testing.assert_close(
            found.unexplained * scale(kind, before), size(charge(after) - stepped), rtol=1e-9, atol=0
        )
        assert found.unexplained < 0.1 * found.predicted
        errors.append(found.unexplained)
    assert 1.8 < errors[0] / errors[1] < 2.2


@every_kind
def test_weights_of_any_scale_are_compared(kind):
    drift, before, after = KINDS[kind][0], weights(0, dtype=torch.float32), weights(1, dtype=torch.float32)
    expected = torch.stack(drift(before, after, POWERS, [0.9] * 3))
    for factor in (2.0**-60, 2.0**60):
        looks = [[factor * leg for leg in look] for look in (before, after)]
        assert torch.equal(torch.stack(drift(*looks, POWERS, [0.9] * 3)), expected)


@every_kind
def test_a_decay_below_the_precision_of_the_weights_is_predicted(kind):
    drift, _, _, imbalance = KINDS[kind]
    before = weights(dtype=torch.float32)
    predicted = drift(before, before, POWERS, [1 - 1e-10] * 3).predicted
    torch.testing.assert_close(predicted, 2e-10 * imbalance(before), rtol=1e-5, atol=0)


@every_kind
def test_nothing_has_moved_where_nothing_is(kind):
    drift, nothing = KINDS[kind][0], [torch.zeros_like(leg) for leg in weights()]
    assert torch.stack(drift(nothing, nothing, POWERS, [0.9] * 3)).eq(0).all()
    assert torch.stack(drift(nothing, weights(), POWERS, [0.9] * 3)).eq(0).all()  # a share of nothing


@every_kind
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("look", [0, 1])
def test_a_copy_that_is_not_finite_is_nan_alone(kind, value, look):
    looks = weights(0), weights(1)
    looks[look][1][1, 2, 0] = value
    found = KINDS[kind][0](*looks, POWERS, [0.9] * 3)
    assert found.moved.isnan().tolist() == found.unexplained.isnan().tolist() == [False, True]
    assert found.predicted[0].isfinite()


@pytest.mark.parametrize("drift", [scaling_drift, general_linear_drift])
@pytest.mark.parametrize(
    ("after", "powers", "kept", "message"),
    [
        ([torch.ones(2, 3), torch.ones(2, 2)], [1, -1], [1, 1], r"`after` must have the shapes of `before`"),
        ([torch.ones(2, 3)] * 2, [1], [1, 1], "`powers` must hold one number per leg, got 1 for 2 legs"),
        ([torch.ones(2, 3)] * 2, [1, math.nan], [1, 1], "`powers` must be"),
        ([torch.ones(2, 3)] * 2, [1, -1], [1], "`kept` must hold one number per leg, got 1 for 2 legs"),
        ([torch.ones(2, 3)] * 2, [1, -1], [1, math.inf], r"`kept` must be finite, got \[1, inf\]"),
    ],
)
def test_wrong_input_is_refused(drift, after, powers, kept, message):
    with pytest.raises(ValueError, match=message):
        drift([torch.ones(2, 3)] * 2, after, powers, kept)


def test_a_general_linear_group_has_writers_and_readers():
    legs = [torch.ones(2, 3)] * 2
    with pytest.raises(ValueError, match=r"`powers` must be 1 or -1, got \[1, -2\]"):
        general_linear_drift(legs, legs, [1, -2], [1, 1])
