import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import entropy

from lightning_symmetry.functional import effective_rank, feature_ranks, rankme

from .labelled import normal, rotation


def reference_rankme(embeddings, epsilon=1e-7):
    sigma = np.linalg.svd(embeddings.double().numpy(), compute_uv=False)
    p = sigma / sigma.sum() + epsilon
    return math.exp(-(p * np.log(p)).sum())


def reference_ranks(features):
    rows = features.double().numpy()
    sigma = np.linalg.svd(rows - rows.mean(axis=0), compute_uv=False)
    covariance = np.cov(rows.T, ddof=0).reshape(rows.shape[1], -1)
    return math.exp(entropy(sigma)), np.trace(covariance) ** 2 / np.square(covariance).sum()


@st.composite
def features(draw):
    number, size = draw(st.integers(2, 30)), draw(st.integers(1, 8))
    profile = torch.exp(-draw(st.sampled_from([0.0, 1.0])) * torch.arange(size, dtype=torch.float64))
    return draw(st.sampled_from([0.0, 100.0])) + profile * normal(
        number, size, seed=draw(st.integers(0, 2**20))
    )


@settings(deadline=None, max_examples=60)
@given(features())
def test_they_follow_the_definitions(samples):
    assert rankme(samples).item() == pytest.approx(reference_rankme(samples), rel=1e-5)
    np.testing.assert_allclose(feature_ranks(samples), reference_ranks(samples), rtol=1e-5)


@settings(deadline=None, max_examples=40)
@given(features(), st.integers(0, 2**20), st.sampled_from([1e-30, 7.0, 1e30]))
def test_invariances(samples, seed, scale):
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(seed))
    moved = scale * (samples @ rotation(samples.shape[1], seed))[order]
    torch.testing.assert_close(rankme(moved), rankme(samples), rtol=1e-5, atol=0)
    torch.testing.assert_close(feature_ranks(moved), feature_ranks(samples), rtol=1e-5, atol=0)
    torch.testing.assert_close(feature_ranks(samples + 5), feature_ranks(samples), rtol=1e-5, atol=0)


def test_without_epsilon_rankme_is_the_effective_rank():
    samples = normal(20, 6, seed=0)
    torch.testing.assert_close(rankme(samples, 0.0), effective_rank(samples))


def test_the_effect_of_epsilon_is_the_published_one():
    # one direction of 1000: every p is ε but one, which is 1 + ε
    samples = torch.zeros(1000, 1000, dtype=torch.float64)
    samples[0, 0] = 1
    expected = math.exp(-999 * 1e-7 * math.log(1e-7) - (1 + 1e-7) * math.log1p(1e-7))
    assert rankme(samples).item() == pytest.approx(expected, rel=1e-9)
    # the Gram matrix of this one is not exact, and its roots have the precision that is promised
    assert rankme(torch.ones_like(samples)).item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("count", [1, 3, 8])
def test_equal_directions_are_counted(count):
    half = rotation(8, seed=0)[:count]
    samples = torch.cat([half, -half])  # centred
    assert rankme(samples).item() == pytest.approx(count, rel=1e-4)
    assert [rank.item() for rank in feature_ranks(samples + 3)] == pytest.approx([count, count], rel=1e-6)


def test_a_mean_hides_directions_from_rankme_alone():
    samples = normal(500, 10, seed=0) + 100
    assert rankme(samples) < 2 < 9.9 < feature_ranks(samples).effective_rank


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_constant_features_and_single_samples_vary_in_no_direction(dtype):
    for samples in (torch.full((7, 3), 0.1, dtype=dtype), torch.ones(1, 3, dtype=dtype), torch.zeros(0, 3)):
        assert feature_ranks(samples) == (0, 0)
    assert rankme(torch.zeros(4, 3)) == 0 and rankme(torch.zeros(0, 3)) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_what_is_not_finite_has_no_rank(bad):
    samples = normal(2, 5, 3, seed=0)
    samples[1, 2, 0] = bad
    assert rankme(samples).isnan().tolist() == [False, True]
    assert all(rank.isnan().tolist() == [False, True] for rank in feature_ranks(samples))


def test_gradients_agree_with_finite_differences():
    samples = normal(6, 3, seed=0).requires_grad_()
    assert torch.autograd.gradcheck(rankme, samples)
    assert torch.autograd.gradcheck(lambda x: feature_ranks(x), samples)


def test_a_negative_epsilon_is_refused():
    with pytest.raises(ValueError, match="`epsilon` must be at least 0, got -1"):
        rankme(torch.ones(2, 2), -1)
