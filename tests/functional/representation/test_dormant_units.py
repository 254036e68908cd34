import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import as_samples, dormancy_scores, dormant_units

from .labelled import normal


def reference(activations):
    sizes = np.abs(activations.double().numpy()).mean(axis=0)
    return sizes / sizes.mean()


@st.composite
def activations(draw):
    number, size = draw(st.integers(1, 20)), draw(st.integers(1, 9))
    seed = draw(st.integers(0, 2**20))
    scale = torch.exp(draw(st.sampled_from([1.0, 5.0])) * normal(size, seed=seed + 1))
    return scale * normal(number, size, seed=seed)


@settings(deadline=None, max_examples=60)
@given(activations(), st.sampled_from([0.0, 0.025, 0.3]))
def test_it_follows_the_definition(given_activations, threshold):
    scores = reference(given_activations)
    np.testing.assert_allclose(dormancy_scores(given_activations), scores, rtol=1e-12)
    assert dormant_units(given_activations, threshold).item() == (scores <= threshold).sum()


@settings(deadline=None, max_examples=40)
@given(activations(), st.integers(0, 2**20))
def test_scale_signs_and_order_do_not_matter(given_activations, seed):
    generator = torch.Generator().manual_seed(seed)
    samples, units = (torch.randperm(n, generator=generator) for n in given_activations.shape)
    signs = 1 - 2 * torch.randint(0, 2, given_activations.shape, generator=generator)
    moved = (8 * signs * given_activations)[samples][:, units]
    torch.testing.assert_close(dormancy_scores(moved), dormancy_scores(given_activations)[units])


def test_channels_of_a_convolution():
    images = torch.ones(2, 4, 3, 3)
    images[:, 1] = 0
    images[:, 2] = 0.01
    assert dormant_units(as_samples(images, dim=1), threshold=0.0) == 1
    assert dormant_units(as_samples(images, dim=1)) == 2


def test_edges():
    assert dormant_units(torch.zeros(5, 3)) == 3  # a silent layer
    assert dormant_units(torch.zeros(0, 3)).isnan()
    assert dormant_units(torch.ones(1, 3)) == 0
    for bad in (math.nan, math.inf):
        spoilt = torch.ones(2, 4, 3)
        spoilt[1, 0, 2] = bad
        assert dormant_units(spoilt).isnan().tolist() == [False, True]
    with pytest.raises(ValueError, match=r"`threshold` must be at least 0, got -0\.1"):
        dormant_units(torch.ones(2, 2), -0.1)
