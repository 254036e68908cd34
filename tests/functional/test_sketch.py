import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import participation_ratio, random_projection, sketched_participation_ratio
from lightning_symmetry.functional.sketch import projected


def rows(n, k, seed=0):
    return torch.randn(n, k, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("dimension", [16, 64, 256])
def test_lengths_and_distances_keep_to_the_stated_bound(dimension):
    given, errors = rows(40, 2000), []
    for seed in range(50):
        sketch = random_projection(given, dimension, seed)
        pairs = (sketch[:20] - sketch[20:]).square().sum(-1) / (given[:20] - given[20:]).square().sum(-1)
        errors.append(torch.cat([sketch.square().sum(-1) / given.square().sum(-1), pairs]) - 1)
    error = torch.cat(errors)
    assert error.std().item() == pytest.approx(math.sqrt(2 / dimension), rel=0.1)
    assert abs(error.mean().item()) < 0.05
    for epsilon in (0.2, 0.4, 0.6):
        bound = 2 * math.exp(-dimension * (epsilon**2 - epsilon**3) / 4)
        assert (error.abs() > epsilon).double().mean().item() <= bound


@pytest.mark.parametrize(("parallel", "deviation"), [(False, 1.0), (True, 2.0)])
def test_units_with_several_dimensions_are_projected_as_they_are_stored(parallel, deviation):
    stored = torch.randn(60, 5, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    if parallel:
        stored[:] = stored[:, :, :1, :1]
    units = stored.permute(1, 0, 2, 3).unsqueeze(0)
    squares = units.square().sum((0, 2, 3, 4))
    errors = torch.stack(
        [projected(units, 64, seed)[0].square().sum(-1) / squares - 1 for seed in range(200)]
    )
    assert abs(errors.mean().item()) < 0.03
    assert errors.std().item() <= 1.1 * deviation * math.sqrt(2 / 64)
    same = units.clone().contiguous()
    assert projected(same, 64, 0).shape == projected(units, 64, 0).shape == (1, 5, 64)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 300), st.integers(0, 99))
def test_participation_ratios_keep_to_the_stated_deviation(rank, seed):
    matrix = rows(300, rank, seed) @ rows(rank, 900, seed + 1)
    estimate = sketched_participation_ratio(matrix, seed=seed)
    # four standard deviations of 5 %
    assert estimate.item() == pytest.approx(participation_ratio(matrix).item(), rel=0.2)


def test_the_estimate_has_no_bias():
    matrix = rows(200, 30) @ rows(30, 800, 1)
    estimates = torch.stack([sketched_participation_ratio(matrix, seed=seed) for seed in range(100)])
    true = participation_ratio(matrix)
    assert abs(estimates.mean() / true - 1) < 0.015
    assert estimates.std() / true < 0.05


def test_extremes():
    assert sketched_participation_ratio(torch.zeros(5, 100)) == 0
    assert sketched_participation_ratio(torch.ones(5, 100)).item() == pytest.approx(1)
    assert sketched_participation_ratio(torch.full((5, 100), math.nan)).isnan()
    assert torch.equal(random_projection(torch.ones(2, 3), 3), torch.ones(2, 3))
    assert torch.equal(random_projection(torch.ones(2, 300)), random_projection(torch.ones(2, 300)))


def test_wrong_dimensions_are_refused():
    with pytest.raises(ValueError, match="`dimension` must be at least 1, got 0"):
        random_projection(torch.ones(2, 3), 0)
    with pytest.raises(ValueError, match="`dimension` must be at least 2, got 1"):
        sketched_participation_ratio(torch.ones(2, 3), 1)
