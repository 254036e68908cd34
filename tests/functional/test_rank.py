import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import (
    effective_rank,
    numerical_rank,
    participation_ratio,
    product_singular_values,
    stable_rank,
)
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


@settings(deadline=None, max_examples=60)
@given(matrices())
def test_stable_and_numerical_rank_follow_the_definition(matrix):
    sigma = np.linalg.svd(matrix.numpy(), compute_uv=False)
    assert stable_rank(matrix).item() == pytest.approx((sigma**2).sum() / sigma[0] ** 2)
    assert numerical_rank(matrix, 0.1).item() == (sigma > 0.1 * sigma[0]).sum()
    assert stable_rank(matrix) <= participation_ratio(matrix) + 1e-6


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.float64])
@pytest.mark.parametrize("rank", [1, 3, 20])
def test_rounding_adds_no_rank(dtype, rank):
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.linalg.qr(torch.randn(n, rank, generator=generator)).Q for n in (60, 40))
    assert numerical_rank((left @ right.mT).to(dtype)) == rank


def test_ranks_of_nothing_and_of_broken_weights():
    broken = torch.ones(2, 3, 3)
    broken[1, 0, 0] = math.nan
    for rank in (stable_rank, numerical_rank):
        assert rank(torch.zeros(3, 4)) == 0
        assert rank(broken)[0] == 1 and rank(broken)[1].isnan()
        assert rank(torch.ones(1, 1)) == 1


@pytest.mark.parametrize("tolerance", [-0.1, 1.0])
def test_a_tolerance_that_is_no_fraction_is_refused(tolerance):
    with pytest.raises(ValueError, match="`tolerance` must be at least 0 and less than 1"):
        numerical_rank(torch.ones(2, 2), tolerance)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 5), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**20))
def test_the_spectrum_of_a_product_without_the_product(n, k, m, seed):
    generator = torch.Generator().manual_seed(seed)
    writers, readers = (torch.randn(n, w, generator=generator, dtype=torch.float64) for w in (k, m))
    sigma = np.linalg.svd((readers.mT @ writers).numpy(), compute_uv=False)
    expected = np.zeros(n)
    expected[: min(n, len(sigma))] = sigma[:n]
    found = product_singular_values(writers, readers).flip(-1).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-6 * sigma[0])
    g = torch.linalg.qr(torch.randn(n, n, generator=generator, dtype=torch.float64)).Q * 3 + torch.eye(n)
    moved = product_singular_values(g @ writers, torch.linalg.inv(g).mT @ readers)
    np.testing.assert_allclose(moved.flip(-1).numpy(), expected, atol=1e-6 * sigma[0])


def test_the_spectrum_of_a_product_of_small_and_broken_factors():
    writers, readers = torch.full((2, 2, 3), 1e-25), torch.full((2, 2, 4), 1e25)
    writers[1, 0, 0] = math.inf
    values = product_singular_values(writers, readers)
    assert values[0].tolist() == pytest.approx([0, 2 * math.sqrt(12)])
    assert values[1].isnan().all()
    with pytest.raises(ValueError, match="must agree"):
        product_singular_values(torch.ones(2, 3), torch.ones(3, 3))
