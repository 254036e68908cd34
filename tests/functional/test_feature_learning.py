import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import TwoLayerFlow, feature_learning

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


def reference_feature_learning(before, after, rates):
    """Follow the definition with a singular value decomposition."""
    (a0, b0), (a1, b1) = ([leg.double().numpy() for leg in look] for look in (before, after))
    left, sigma, right = np.linalg.svd(b1.T @ a1, full_matrices=False)
    rank = (sigma > 1e-10 * sigma.max()).sum()
    rotation = left[:, :rank] @ right[:rank]

    def common(a, b):
        overlap = math.sqrt(rates[0] * rates[1]) * (rotation * (b.T @ a)).sum()
        return rates[1] * (a**2).sum() / 4 + rates[0] * (b**2).sum() / 4 + overlap / 2

    return abs(math.log(common(a1, b1) / common(a0, b0))) / 2


@st.composite
def two_looks(draw):
    n, k, m = (draw(st.integers(1, 5)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    return [
        [torch.randn(n, size, generator=generator, dtype=torch.float64) for size in (k, m)] for _ in range(2)
    ]


def columns(*layers):
    return [torch.as_tensor(layer, dtype=torch.float64).unsqueeze(-1) for layer in layers]


def random_looks(seed=0, copies=(), sizes=(4, 3, 2)):
    generator = torch.Generator().manual_seed(seed)
    n, k, m = sizes
    return [[torch.randn(*copies, n, size, generator=generator) for size in (k, m)] for _ in range(2)]


@settings(deadline=None, max_examples=60)
@given(two_looks(), st.sampled_from([(1.0, 1.0), (0.3, 2.0)]))
def test_feature_learning_follows_the_definition(looks, rates):
    value = feature_learning(*looks, rates).item()
    assert value == pytest.approx(reference_feature_learning(*looks, rates), rel=1e-6, abs=1e-7)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**20),
    n=st.integers(1, 6),
    rates=st.sampled_from([(1.0, 1.0), (0.2, 3.0), (2.0, 0.5)]),
    correlation=st.sampled_from([-1.5, -0.1, 0.1, 1.5]),
    time=st.sampled_from([1e-3, 0.1, 1.0, 10.0, math.inf]),
)
def test_for_one_input_and_output_feature_learning_is_the_closed_form(seed, n, rates, correlation, time):
    u, w = torch.randn(2, n, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    flow = TwoLayerFlow(u, w, *rates, 1.0, correlation)
    looks = columns(*flow.weights(0.0)), columns(*flow.weights(time))
    torch.testing.assert_close(feature_learning(*looks, rates), flow.order_parameter(time).abs(), **CLOSE)


def test_feature_learning_is_the_closed_form_also_where_the_product_changes_its_sign():
    flow = TwoLayerFlow(*torch.tensor([[1.0, 0.5], [-0.5, -0.75]]).double(), 1.0, 1.0, 1.0, 1.0)
    assert flow.product(0.0) < 0 < flow.product(math.inf)
    looks = columns(*flow.weights(0.0)), columns(*flow.weights(math.inf))
    torch.testing.assert_close(feature_learning(*looks), flow.order_parameter(), **CLOSE)


@settings(deadline=None, max_examples=40)
@given(two_looks(), st.sampled_from([1e-30, 1e-3, 5.0, 1e30]))
def test_feature_learning_is_zero_for_unchanged_weights_and_sees_one_scale(looks, scale):
    before, after = looks
    assert feature_learning(before, before) == 0
    scaled = [[(scale * leg) for leg in look] for look in looks]
    torch.testing.assert_close(feature_learning(*scaled), feature_learning(before, after), **CLOSE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sizes", [(1, 2, 2), (2, 3, 3), (3, 8, 5), (9, 30, 12)])
def test_rounding_errors_are_no_directions_of_the_product(dtype, sizes):
    # The product of so few units has directions that are zero but for rounding, in either layer's columns.
    for seed in range(60):
        looks = [[leg.double() for leg in look] for look in random_looks(seed, sizes=sizes)]
        value = feature_learning(*[[leg.to(dtype) for leg in look] for look in looks]).item()
        n = sizes[0]
        (a0, b0), (a1, b1) = ([leg.numpy() for leg in look] for look in looks)
        left, _, right = np.linalg.svd(b1.T @ a1)
        rotation = left[:, :n] @ right[:n]  # the true rank is known
        common = [
            (a**2).sum() + (b**2).sum() + 2 * (rotation * (b.T @ a)).sum() for a, b in ((a0, b0), (a1, b1))
        ]
        assert value == pytest.approx(abs(math.log(common[1] / common[0])) / 2, rel=1e-4, abs=1e-5)


def test_feature_learning_of_layers_that_grow_together():
    generator = torch.Generator().manual_seed(0)
    before = [torch.randn(5, 3, generator=generator), torch.randn(5, 4, generator=generator)]
    assert feature_learning(before, [2 * leg for leg in before]).item() == pytest.approx(
        math.log(2), rel=1e-6
    )


@pytest.mark.parametrize("rates", [(0.0, 1.0), (1.0, -1.0), (1.0, math.inf), (1.0,), (math.nan, 1.0)])
def test_rates_that_are_no_rates_are_refused(rates):
    looks = random_looks()
    with pytest.raises(ValueError, match="`rates` must be two positive finite numbers, got "):
        feature_learning(*looks, rates)


def test_it_is_computed_without_gradients():
    before, after = ([leg.requires_grad_() for leg in look] for look in random_looks())
    assert not feature_learning(before, after).requires_grad
