import itertools
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import (
    broken_share,
    norm_distance,
    norm_sorted_distance,
    permutation_distance,
    symmetry_breaking_distance,
)


def legs_of(seed, n, widths, copies=()):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*copies, n, k, generator=generator, dtype=torch.float64) for k in widths]


def reference_permutation_distance(legs):
    total = 0.0
    for leg in legs:
        rows = leg.tolist()
        for column in range(leg.shape[1]):
            mean = math.fsum(row[column] for row in rows) / len(rows)
            total += math.fsum((row[column] - mean) ** 2 for row in rows)
    return math.sqrt(total)


spaces = st.tuples(
    st.integers(0, 2**20), st.integers(1, 6), st.lists(st.integers(0, 5), min_size=1, max_size=3)
)


@settings(deadline=None, max_examples=40)
@given(spaces)
def test_permutation_distance_is_the_distance_to_the_mean_unit(space):
    legs = legs_of(*space)
    expected = reference_permutation_distance(legs)
    assert permutation_distance(legs).item() == pytest.approx(expected, abs=1e-12)
    projected = [leg.mean(dim=0, keepdim=True) for leg in legs]
    assert symmetry_breaking_distance(legs, projected).item() == pytest.approx(expected, abs=1e-12)


@settings(deadline=None, max_examples=40)
@given(spaces, st.integers(0, 2**20))
def test_permutation_distance_is_invariant_under_permutations_and_common_shifts(space, seed):
    legs = legs_of(*space)
    order = torch.randperm(space[1], generator=torch.Generator().manual_seed(seed))
    moved = [leg[order] + leg[:1] for leg in legs]
    torch.testing.assert_close(permutation_distance(moved), permutation_distance(legs))


@settings(deadline=None, max_examples=40)
@given(spaces)
def test_no_symmetric_state_is_nearer_than_the_projection(space):
    legs = legs_of(*space)
    other = [leg.mean(dim=0, keepdim=True) + 0.1 for leg in legs]
    assert permutation_distance(legs) <= symmetry_breaking_distance(legs, other) + 1e-12


@settings(deadline=None, max_examples=40)
@given(spaces)
def test_norm_distance_is_the_norm_of_all_legs(space):
    legs = legs_of(*space)
    expected = math.sqrt(math.fsum(x * x for leg in legs for x in leg.flatten().tolist()))
    assert norm_distance(legs).item() == pytest.approx(expected, abs=1e-12)
    zeros = [torch.zeros_like(leg) for leg in legs]
    torch.testing.assert_close(symmetry_breaking_distance(legs, zeros), norm_distance(legs))


def test_copies_are_measured_one_by_one():
    legs = legs_of(0, 4, [3, 2], copies=(2, 3))
    for distance in (permutation_distance, norm_distance):
        batched = distance(legs)
        assert batched.shape == (2, 3)
        for i in range(2):
            for j in range(3):
                torch.testing.assert_close(batched[i, j], distance([leg[i, j] for leg in legs]))


def test_equal_units_are_at_distance_zero_with_gradient_zero():
    leg = torch.full((5, 3), 0.25, requires_grad=True)
    distance = permutation_distance([leg])
    distance.backward()
    assert distance == 0
    assert torch.equal(leg.grad, torch.zeros(5, 3))


def test_gradient_is_the_unit_vector_away_from_the_symmetric_state():
    leg = legs_of(1, 4, [3])[0].requires_grad_()
    distance = permutation_distance([leg])
    distance.backward()
    torch.testing.assert_close(leg.grad, ((leg - leg.mean(dim=0)) / distance).detach())


def test_float32_sums_of_many_squares_are_accurate():
    leg = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0))
    for distance in (permutation_distance, norm_distance):
        assert distance([leg]).item() == pytest.approx(distance([leg.double()]).item(), rel=2e-6)


def test_one_unit_is_always_symmetric():
    assert permutation_distance([torch.randn(1, 7)]) == 0


@pytest.mark.parametrize("shape", [(2, 3), (4, 3, 1), (1, 4, 3), (4,)])
def test_a_projection_that_does_not_fit_is_named(shape):
    with pytest.raises(ValueError, match=r"`projected\[0\]`"):
        symmetry_breaking_distance([torch.zeros(4, 3)], [torch.zeros(shape)])


def test_projections_are_counted():
    with pytest.raises(ValueError, match="one tensor per leg, got 2 for 1 legs"):
        symmetry_breaking_distance([torch.zeros(4, 3)], [torch.zeros(4, 3)] * 2)


@settings(deadline=None, max_examples=60)
@given(spaces)
def test_sorting_by_norm_bounds_the_distance_to_the_nearest_equal_pair(space):
    legs = legs_of(*space)
    rows = torch.cat(legs, dim=-1)
    pairs = [(rows[i] - rows[j]).norm().item() for i in range(len(rows)) for j in range(i)]
    estimate = norm_sorted_distance(legs).item()
    order = sorted(range(len(rows)), key=lambda i: rows[i].norm().item())
    neighbours = [(rows[i] - rows[j]).norm().item() for i, j in itertools.pairwise(order)]
    assert estimate == pytest.approx(min(neighbours, default=0.0) / math.sqrt(2), abs=1e-12)
    assert estimate >= min(pairs, default=0.0) / math.sqrt(2) - 1e-12
    if len(rows) == 2:
        assert estimate == pytest.approx(permutation_distance(legs).item(), abs=1e-12)


def test_a_pair_of_equal_units_is_found_by_sorting():
    (leg,) = legs_of(0, 6, [4])
    leg[5] = leg[2]
    assert norm_sorted_distance([leg]) == 0


@settings(deadline=None, max_examples=40)
@given(spaces, st.sampled_from([1e-30, 1.0, 1e30]))
def test_the_broken_share_is_the_sine_of_the_angle_to_the_symmetric_states(space, scale):
    legs = legs_of(*space)
    whole = norm_distance(legs).item()
    share = permutation_distance(legs).item() / whole if whole else 0.0
    assert broken_share([scale * leg for leg in legs]).item() == pytest.approx(share, abs=1e-12)
    assert 0 <= broken_share(legs) <= 1 + 1e-12


def test_broken_weights_have_no_share():
    leg = torch.ones(3, 2, 2)
    leg[1] = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    leg[2, 0, 0] = math.nan
    share = broken_share([leg])
    assert share[:2].tolist() == [0, 1] and share[2].isnan()
    assert norm_sorted_distance([leg])[2].isnan()
