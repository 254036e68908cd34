import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import effective_rank, participation_ratio
from lightning_symmetry.functional._gram import smaller_gram


def reference_participation_ratio(matrix):
    sigma = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    return (sigma**2).sum() ** 2 / (sigma**4).sum()


def reference_effective_rank(matrix):
    sigma = np.linalg.svd(matrix.double().numpy(), compute_uv=False)
    p = sigma / sigma.sum()
    return math.exp(-sum(x * math.log(x) for x in p if x > 0))


@st.composite
def matrices(draw):
    m, n = draw(st.integers(1, 7)), draw(st.integers(1, 7))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    decay = draw(st.sampled_from([0.0, 1.0, 3.0]))
    profile = torch.exp(-decay * torch.arange(n, dtype=torch.float64))
    return torch.randn(m, n, generator=generator, dtype=torch.float64) * profile


@settings(deadline=None, max_examples=60)
@given(matrices())
def test_both_ranks_follow_the_definition(matrix):
    assert participation_ratio(matrix).item() == pytest.approx(reference_participation_ratio(matrix))
    assert effective_rank(matrix).item() == pytest.approx(reference_effective_rank(matrix), rel=1e-5)


@settings(deadline=None, max_examples=60)
@given(matrices())
def test_one_is_at_most_participation_ratio_is_at_most_effective_rank_is_at_most_rank(matrix):
    low, high = participation_ratio(matrix), effective_rank(matrix)
    assert 1 - 1e-6 <= low <= high + 1e-6
    assert high <= min(matrix.shape) + 1e-6


@settings(deadline=None, max_examples=40)
@given(matrices(), st.integers(0, 2**20), st.sampled_from([1e-30, 1e-10, 7.0, 1e30]))
def test_both_ranks_are_invariant_under_transposition_rotation_and_scale(matrix, seed, scale):
    generator = torch.Generator().manual_seed(seed)
    size = matrix.shape[0]
    rotation = torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q
    for rank in (participation_ratio, effective_rank):
        value = rank(matrix)
        torch.testing.assert_close(rank(matrix.mT), value, rtol=1e-5, atol=0)
        torch.testing.assert_close(rank(scale * (rotation @ matrix)), value, rtol=1e-5, atol=0)
        torch.testing.assert_close(rank((scale * matrix).float()).double(), value, rtol=1e-4, atol=0)


def test_published_values():
    matrix = torch.diag(torch.tensor([4.0, 2.0, 1.0, 1.0], dtype=torch.float64))
    assert effective_rank(matrix).item() == pytest.approx(3.363586, abs=5e-7)
    assert participation_ratio(matrix).item() == pytest.approx(1.766423, abs=5e-7)


@pytest.mark.parametrize("rank", [participation_ratio, effective_rank])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_k_equal_directions_have_rank_k(rank, k):
    matrix = torch.zeros(8, 6)
    matrix[:k, :k] = torch.linalg.qr(torch.randn(k, k, generator=torch.Generator().manual_seed(0))).Q
    assert rank(matrix).item() == pytest.approx(k, rel=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_low_rank_stays_low_in_a_large_matrix(dtype):
    # The roots of float32 rounding errors would add up to an effective rank of 1.1 here.
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(256, 1, generator=generator, dtype=dtype) for _ in range(2))
    assert effective_rank(left @ right.mT).item() == pytest.approx(1, abs=2e-4)
    assert participation_ratio(left @ right.mT).item() == pytest.approx(1, abs=2e-5)


@pytest.mark.parametrize("shape", [(2, 5), (5, 2)])
def test_the_gram_matrix_is_the_smaller_one(shape):
    assert smaller_gram(torch.ones(shape)).shape == (2, 2)


def test_float32_sums_of_many_squares_are_accurate():
    matrix = torch.randn(1024, 1024, generator=torch.Generator().manual_seed(0))
    assert participation_ratio(matrix).item() == pytest.approx(
        participation_ratio(matrix.double()).item(), rel=5e-6
    )


@pytest.mark.parametrize("rank", [participation_ratio, effective_rank])
def test_gradients_agree_with_finite_differences(rank):
    matrix = torch.randn(2, 3, 5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    assert torch.autograd.gradcheck(rank, matrix.requires_grad_())


@pytest.mark.parametrize("rank", [participation_ratio, effective_rank])
def test_gradients_stay_finite_where_directions_are_zero(rank):
    for matrix in (torch.zeros(3, 3), torch.diag(torch.tensor([1.0, 2.0, 0.0]))):
        rank(matrix.requires_grad_()).backward()
        assert matrix.grad.isfinite().all()


@pytest.mark.parametrize("rank", [participation_ratio, effective_rank])
def test_copies_are_measured_one_by_one(rank):
    matrix = torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    matrix[1, 2] = 0
    matrix[0, 1, 0, 0] = math.nan
    batched = rank(matrix)
    assert batched.shape == (2, 3)
    for i in range(2):
        for j in range(3):
            torch.testing.assert_close(batched[i, j], rank(matrix[i, j]), equal_nan=True)


@pytest.mark.parametrize("rank", [participation_ratio, effective_rank])
@pytest.mark.parametrize("shape", [(3, 4), (1, 1), (0, 4), (3, 0)])
def test_a_zero_matrix_has_rank_zero(rank, shape):
    assert rank(torch.zeros(shape)) == 0


@pytest.mark.parametrize("rank", [participation_ratio, effective_rank])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_matrix_that_is_not_finite_has_no_rank(rank, bad):
    matrix = torch.eye(3)
    matrix[1, 2] = bad
    assert rank(matrix).isnan()
