import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import Moments, moments, normalised_samples
from lightning_symmetry.functional.representation.moments import merge_packed


def samples(*shape, seed=0, dtype=torch.float64):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=5),
    st.integers(1, 4),
    st.integers(0, 2**20),
    st.sampled_from([0.0, 1.0, 1e6]),
)
def test_batches_give_what_all_at_once_gives(sizes, width, seed, offset):
    rows = samples(sum(sizes), width, seed=seed) + offset
    mask = samples(sum(sizes), seed=seed + 1) > -0.7
    joined = moments(rows[:0])
    for part, kept in zip(rows.split(sizes), mask.split(sizes), strict=True):
        joined = joined.merge(moments(part, kept))
    parts = zip(rows.split(sizes), mask.split(sizes), strict=True)
    packed = merge_packed(torch.stack([moments(part, kept).packed() for part, kept in parts]))
    kept = rows[mask].numpy()
    for found in (joined, moments(rows, mask), Moments.unpacked(packed)):
        assert found.total == len(kept)
        if len(kept):
            np.testing.assert_allclose(found.mean.numpy(), kept.mean(axis=0), atol=1e-15 * offset + 1e-12)
            covariance = np.cov(kept.T, bias=True).reshape(width, width)
            np.testing.assert_allclose(found.covariance().numpy(), covariance, atol=2e-15 * offset + 1e-12)
            second = kept.T @ kept / len(kept)
            np.testing.assert_allclose(found.second_moment().numpy(), second, rtol=1e-12, atol=1e-12)
        else:
            assert found.mean.eq(0).all() and found.covariance().isnan().all()


def test_a_large_mean_costs_no_digits_in_float32():
    rows = samples(1000, 3) + 1000
    joined = moments(rows[:1].float())
    for part in rows[1:].float().split(100):
        joined = joined.merge(moments(part))
    expected = np.cov(rows.float().double().numpy().T, bias=True)
    np.testing.assert_allclose(joined.covariance().numpy(), expected, rtol=1e-4, atol=1e-4)


def test_constant_features_have_no_scatter():
    row = samples(1, 5, dtype=torch.float32) * 1e3
    joined = moments(row.expand(7, 5))
    for _ in range(3):
        joined = joined.merge(moments(row.expand(11, 5)))
    assert torch.equal(joined.scatter, torch.zeros(5, 5))
    assert torch.equal(joined.mean, row[0])


def test_what_a_mask_hides_does_not_matter():
    rows = samples(2, 4, 3)
    mask = torch.tensor([[False, True, True, False], [False] * 4])
    clean = moments(rows, mask)
    rows[0, 0], rows[0, 3], rows[1] = math.nan, math.inf, math.nan
    for one, other in zip(moments(rows, mask), clean, strict=True):
        assert torch.equal(one, other)
    assert clean.total.tolist() == [2, 0]


def test_one_bad_sample_spoils_its_copy_alone():
    rows = samples(2, 4, 3)
    rows[1, 2, 0] = math.inf
    found = moments(rows)
    assert not found.covariance()[0].isnan().any()
    assert found.merge(moments(samples(2, 4, 3))).covariance()[1].isnan().any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32_under_autocast_too(dtype):
    rows = samples(600, 4).to(dtype)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = moments(rows)
    assert found.scatter.dtype == torch.float32
    expected = np.cov(rows.double().numpy().T, bias=True)
    np.testing.assert_allclose(found.covariance().numpy(), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.ones(3), "`mask` must be a bool tensor, got torch.float32"),
        (torch.ones(2, dtype=torch.bool), r"`mask` must have one entry a sample, \(3,\), got \(2,\)"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused(mask, message):
    with pytest.raises(ValueError, match=message):
        moments(torch.ones(3, 2), mask)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_normalised_samples(scale):
    rows = samples(6, 3) * scale
    expected = rows.numpy() / np.linalg.norm(rows.numpy(), axis=1, keepdims=True)
    np.testing.assert_allclose(normalised_samples(rows.float()).numpy(), expected, rtol=1e-5)
    rows[0], rows[1, 0], rows[2, 1] = 0, math.inf, math.nan
    found = normalised_samples(rows)
    assert torch.equal(found[0], torch.zeros(3, dtype=torch.float64))
    assert found[1:3].isnan().any(dim=-1).all() and found[3:].isfinite().all()
    with pytest.raises(ValueError, match="`samples` must have at least one feature"):
        normalised_samples(torch.ones(3, 0))
