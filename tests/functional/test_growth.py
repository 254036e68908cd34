import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import broken_part, growth_rate, permutation_distance


def legs_of(seed, n=4, widths=(3, 2)):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(n, k, generator=generator, dtype=torch.float64) for k in widths]


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999), st.integers(1, 6), st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_the_broken_part_is_what_the_distance_measures(seed, n, widths):
    legs = legs_of(seed, n, widths)
    broken = broken_part(legs)
    squares = sum(float(part.square().sum()) for part in broken)
    assert permutation_distance(legs).item() == pytest.approx(math.sqrt(squares), abs=1e-12)
    assert all(float(part.sum(0).abs().max()) < 1e-12 for part in broken)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 999))
def test_it_is_the_logarithmic_derivative_of_the_distance_along_gradient_flow(seed):
    legs, slopes = legs_of(seed), legs_of(seed + 1000)
    step = 1e-6
    after, before = ([w - sign * step * g for w, g in zip(legs, slopes, strict=True)] for sign in (1, -1))
    expected = (permutation_distance(after) / permutation_distance(before)).log() / (2 * step)
    assert growth_rate(broken_part(legs), slopes).item() == pytest.approx(expected.item(), rel=1e-6, abs=1e-8)


def test_near_a_saddle_it_is_the_curvature():
    hessian = torch.diag(torch.tensor([2.0, -3.0], dtype=torch.float64))
    for direction, rate in ([1.0, 0.0], -2), ([0.0, 1.0], 3):
        theta = torch.tensor([direction], dtype=torch.float64) * 1e-9
        assert growth_rate([theta], [theta @ hessian]).item() == pytest.approx(rate)


def test_what_weight_decay_adds():
    legs, slopes = legs_of(0), legs_of(1)
    broken = broken_part(legs)
    decayed = [g + 0.3 * w for g, w in zip(slopes, legs, strict=True)]
    assert (growth_rate(broken, decayed) - growth_rate(broken, slopes)).item() == pytest.approx(-0.3)


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_extreme_weights_do_not_overflow(scale):
    weights = [torch.tensor([[scale], [-scale]])]
    assert growth_rate(weights, [weight * 2 for weight in weights]).item() == pytest.approx(-2)


def test_nothing_broken_and_broken_weights():
    assert growth_rate([torch.zeros(2, 3)], [torch.ones(2, 3)]) == 0
    weights = torch.ones(3, 2, 1)
    weights[1, 0] = math.nan
    slopes = torch.ones(3, 2, 1)
    slopes[2, 0] = math.inf
    rate = growth_rate([weights], [slopes])
    assert rate[0] == -1 and rate[1:].isnan().all()


def test_half_precision_is_summed_in_float32():
    weights = [torch.ones(2, 1000, dtype=torch.bfloat16)]
    assert growth_rate(weights, weights).dtype == torch.float32
    assert growth_rate(weights, weights).item() == -1


def test_gradients_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="`gradients` must have the shapes of the weights"):
        growth_rate([torch.ones(2, 3)], [torch.ones(2, 2)])
