import math
from fractions import Fraction

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import (
    general_linear_charge,
    general_linear_imbalance,
    scaling_charges,
    scaling_imbalance,
)


@st.composite
def spaces(draw):
    """Legs with powers of both signs; entries are small integers often enough to balance or vanish."""
    n = draw(st.integers(1, 5))
    widths = draw(st.lists(st.integers(0, 4), min_size=1, max_size=3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    legs = [torch.randn(n, k, generator=generator, dtype=torch.float64).mul(1.5).round() for k in widths]
    return legs, [draw(st.sampled_from([-2, -1, 0, 0.5, 1])) for _ in widths]


@settings(deadline=None, max_examples=60)
@given(spaces())
def test_scaling_charges_and_imbalance_follow_the_definition(space):
    legs, powers = space
    charges, available = [], 0.0
    for i in range(legs[0].shape[0]):
        squares = [math.fsum(x * x for x in leg[i].tolist()) for leg in legs]
        charges.append(math.fsum(p * s for p, s in zip(powers, squares, strict=True)))
        available += math.fsum(abs(p) * s for p, s in zip(powers, squares, strict=True))
    assert scaling_charges(legs, powers).tolist() == pytest.approx(charges)
    expected = sum(map(abs, charges)) / available if available else 0.0
    assert scaling_imbalance(legs, powers).item() == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(spaces(), st.integers(0, 2**20))
def test_scaling_charges_move_with_units_and_ignore_rotations_of_their_coordinates(space, seed):
    legs, powers = space
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(legs[0].shape[0], generator=generator)
    moved = []
    for leg in legs:
        k = leg.shape[1]
        rotation = torch.linalg.qr(torch.randn(k, k, generator=generator, dtype=torch.float64)).Q
        moved.append(leg[order] @ rotation)
    torch.testing.assert_close(scaling_charges(moved, powers), scaling_charges(legs, powers)[order])


@settings(deadline=None, max_examples=60)
@given(spaces(), st.sampled_from([1e-30, 1e-10, 3.0, 1e30]))
def test_scaling_imbalance_is_a_share_that_ignores_scale(space, scale):
    legs, powers = space
    share = scaling_imbalance(legs, powers)
    assert 0 <= share <= 1 + 1e-12
    torch.testing.assert_close(
        scaling_imbalance([(scale * leg).float() for leg in legs], powers).double(), share
    )


def test_scaling_imbalance_reaches_both_bounds():
    one, two = torch.tensor([[3.0, 4.0], [0.0, 1.0]]), torch.tensor([[5.0], [-1.0]])
    assert scaling_imbalance([one, two], [1, -1]) == 0
    assert scaling_imbalance([one, two], [1, 1]) == 1
    assert (
        scaling_imbalance([one * torch.tensor([[1.0], [0.0]]), two * torch.tensor([[0.0], [1.0]])], [1, -1])
        == 1
    )


def matrices(seed, n, k, k_read, copies=()):
    generator = torch.Generator().manual_seed(seed)
    return (torch.randn(*copies, n, width, generator=generator, dtype=torch.float64) for width in (k, k_read))


shapes = (st.integers(0, 2**20), st.integers(1, 4), st.integers(0, 4), st.integers(0, 4))


@settings(deadline=None, max_examples=60)
@given(*shapes)
def test_general_linear_charge_and_imbalance_follow_the_definition(seed, n, k, k_read):
    writers, readers = matrices(seed, n, k, k_read)
    written, read = torch.zeros(n, n).double(), torch.zeros(n, n).double()
    for i in range(n):
        for j in range(n):
            written[i, j] = sum(writers[i, a] * writers[j, a] for a in range(k))
            read[i, j] = sum(readers[i, a] * readers[j, a] for a in range(k_read))
    torch.testing.assert_close(general_linear_charge(writers, readers), written - read)
    whole = (written.norm() + read.norm()).item()
    expected = (written - read).norm().item() / whole if whole else 0.0
    assert general_linear_imbalance(writers, readers).item() == pytest.approx(expected)
    assert 0 <= general_linear_imbalance(writers, readers) <= 1 + 1e-12


@settings(deadline=None, max_examples=40)
@given(*shapes)
def test_general_linear_charge_turns_with_the_space_and_its_imbalance_stays(seed, n, k, k_read):
    writers, readers = matrices(seed, n, k, k_read)
    generator = torch.Generator().manual_seed(seed + 1)
    rotation = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64)).Q
    turned = general_linear_charge(rotation @ writers, rotation @ readers)
    torch.testing.assert_close(turned, rotation @ general_linear_charge(writers, readers) @ rotation.mT)
    share = general_linear_imbalance(writers, readers)
    torch.testing.assert_close(
        general_linear_imbalance(1e-90 * rotation @ writers, 1e-90 * rotation @ readers), share
    )


def test_general_linear_imbalance_reaches_both_bounds():
    writers, _ = matrices(0, 3, 5, 1)
    rotation = torch.linalg.qr(torch.randn(5, 5, generator=torch.Generator().manual_seed(1)).double()).Q
    assert general_linear_imbalance(writers, writers @ rotation).item() == pytest.approx(0, abs=1e-12)
    assert general_linear_imbalance(writers, torch.zeros(3, 2).double()) == 1
    assert general_linear_imbalance(torch.zeros(3, 2).double(), writers) == 1


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**20))
def test_with_one_coordinate_both_imbalances_agree(seed):
    writers, readers = matrices(seed, 1, 3, 2)
    expected = scaling_imbalance([writers, readers], [1, -1])
    torch.testing.assert_close(general_linear_imbalance(writers, readers), expected)


def test_copies_are_measured_one_by_one():
    writers, readers = matrices(0, 3, 4, 2, copies=(2, 3))
    for i in range(2):
        for j in range(3):
            one = writers[i, j], readers[i, j]
            for matrix in (general_linear_charge, general_linear_imbalance):
                torch.testing.assert_close(matrix(writers, readers)[i, j], matrix(*one))
            for scaling in (scaling_charges, scaling_imbalance):
                torch.testing.assert_close(scaling([writers, readers], [1, -2])[i, j], scaling(one, [1, -2]))


def test_zero_weights_are_balanced_with_finite_gradients():
    for imbalance in (lambda a, b: scaling_imbalance([a, b], [1, -1]), general_linear_imbalance):
        one, two = torch.zeros(3, 2, requires_grad=True), torch.zeros(3, 0)
        value = imbalance(one, two)
        value.backward()
        assert value == 0
        assert one.grad.isfinite().all()


def test_gradients_agree_with_finite_differences():
    writers, readers = (side.requires_grad_() for side in matrices(0, 3, 4, 2))
    assert torch.autograd.gradcheck(general_linear_imbalance, (writers, readers))
    assert torch.autograd.gradcheck(general_linear_charge, (writers, readers))
    assert torch.autograd.gradcheck(lambda *legs: scaling_imbalance(legs, [1, -1]), (writers, readers))
    assert torch.autograd.gradcheck(lambda *legs: scaling_charges(legs, [1, -1]), (writers, readers))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_give_nan_where_they_enter(bad):
    leg, other = torch.ones(3, 2), torch.ones(3, 1)
    leg[1, 0] = bad
    assert scaling_charges([leg, other], [1, -1]).isnan().tolist() == [False, True, False]
    assert scaling_imbalance([leg, other], [1, -1]).isnan()
    assert general_linear_charge(leg, other).isnan().any(dim=1).tolist() == [True, True, True]
    assert general_linear_charge(leg, other)[::2, ::2].isfinite().all()
    assert general_linear_imbalance(leg, other).isnan()


def test_powers_may_be_rational():
    legs = [torch.ones(2, 3), torch.ones(2, 4)]
    assert scaling_charges(legs, [Fraction(1, 3), Fraction(-1, 2)]).tolist() == pytest.approx([-1.0, -1.0])


@pytest.mark.parametrize(
    ("powers", "message"),
    [
        ([1], "one number per leg, got 1 for 2 legs"),
        ([1, math.inf], r"`powers` must be finite, got \[1, inf\]"),
    ],
)
def test_bad_powers_are_named(powers, message):
    for function in (scaling_charges, scaling_imbalance):
        with pytest.raises(ValueError, match=message):
            function([torch.ones(2, 3), torch.ones(2, 4)], powers)


def test_sides_of_different_spaces_are_refused():
    for function in (general_linear_charge, general_linear_imbalance):
        with pytest.raises(
            ValueError, match=r"`readers` must agree with `writers`.*got \(4, 2\) and \(3, 2\)"
        ):
            function(torch.ones(3, 2), torch.ones(4, 2))
