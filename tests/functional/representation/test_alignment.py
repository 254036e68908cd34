import math
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import matrix_alignment, off_diagonal_alignment, shuffled_alignment


def covariance(seed, size=5, samples=4):
    generator = torch.Generator().manual_seed(seed)
    rows = torch.randn(samples, size, generator=generator, dtype=torch.float64)
    return rows.mT @ rows


def pearson(one, other):
    return np.corrcoef(one.flatten(), other.flatten())[0, 1]


@settings(deadline=None, max_examples=60)
@given(st.integers(2, 7), st.integers(1, 9), st.integers(0, 2**20), st.sampled_from([1e-40, 1.0, 1e40]))
def test_alignments_are_correlations_of_the_entries(size, count, seed, scale):
    one, other = covariance(seed, size, count), covariance(seed + 1, size, count)
    assert matrix_alignment(scale * one, other).item() == pytest.approx(pearson(one, other), abs=1e-12)
    assert matrix_alignment(one, 3 * one + 0.5).item() == pytest.approx(1)
    assert matrix_alignment(one, -one).item() == pytest.approx(-1)
    outside = ~np.eye(size, dtype=bool)
    if size > 2:  # a symmetric matrix of two features has equal entries there
        expected = pearson(one.numpy()[outside], other.numpy()[outside])
        assert off_diagonal_alignment(one, scale * other).item() == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("size", [2, 4])
def test_the_baseline_is_the_mean_over_all_permutations(size):
    one, other = covariance(0, size), covariance(1, size)
    every = [pearson(one, other[list(p)][:, list(p)]) for p in permutations(range(size))]
    assert shuffled_alignment(one, other).item() == pytest.approx(np.mean(every))


def test_the_baseline_of_independent_covariances_is_their_alignment_on_average():
    # n samples of k independent features: α = n / (n + k + 1) up to 1 / k
    one, other = (torch.stack([covariance(2 * s + t, 60, 10) for s in range(200)]) for t in (0, 1))
    assert matrix_alignment(one, other).mean().item() == pytest.approx(10 / 71, abs=0.005)
    assert shuffled_alignment(one, other).mean().item() == pytest.approx(10 / 71, abs=0.005)
    assert off_diagonal_alignment(one, other).mean().abs() < 0.005


EACH = pytest.mark.parametrize("measure", [matrix_alignment, off_diagonal_alignment, shuffled_alignment])


@EACH
@pytest.mark.parametrize("entry", [0.0, 0.1, 1e-38, 1e30])
def test_equal_entries_align_with_nothing(measure, entry):
    constant = torch.full((5, 5), entry) * (1 + 1e-7 * torch.arange(5))
    assert measure(constant, covariance(0).float()) == 0
    assert measure(torch.ones(1, 1), torch.ones(1, 1)) == 0


@EACH
def test_a_matrix_that_is_not_finite_is_nan_for_its_copy_alone(measure):
    one = torch.stack([covariance(0), covariance(1), covariance(2)])
    one[1, 0, 1], one[2, 3, 3] = math.nan, -math.inf
    assert measure(one, one).isnan().tolist()[:2] == [False, True]
    assert measure(covariance(0).expand(3, 5, 5), one)[2].isnan() or measure is off_diagonal_alignment


@EACH
def test_matrices_of_different_shapes_are_refused(measure):
    with pytest.raises(ValueError, match=r"`other` must have the shape \(2, 2\), got \(3, 3\)"):
        measure(torch.eye(2), torch.eye(3))
    if measure is not matrix_alignment:
        with pytest.raises(ValueError, match=r"`one` must be square, got \(2, 3\)"):
            measure(torch.ones(2, 3), torch.ones(2, 3))


@EACH
def test_gradients_agree_with_finite_differences(measure):
    pair = (covariance(0).requires_grad_(), covariance(1).requires_grad_())
    assert torch.autograd.gradcheck(measure, pair)
