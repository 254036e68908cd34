"""The closed form where it divides zero by zero, and what it refuses."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from lightning_symmetry.functional import TwoLayerFlow

SECOND_MOMENT = 1.3
TIMES = torch.linspace(0, 4, 9, dtype=torch.float64)


def integrated(flow, times):
    """Integrate the flow of the weights themselves, which knows nothing of P, Q and z."""
    n = len(flow.first)

    def velocity(_, weights):
        u, w = weights[:n], weights[n:]
        error = flow.second_moment * (u @ w) - flow.correlation
        return np.concatenate([-flow.rate_first * error * w, -flow.rate_second * error * u])

    start = np.concatenate([flow.first.numpy(), flow.second.numpy()])
    solved = solve_ivp(velocity, (0, times[-1]), start, method="DOP853", t_eval=times, rtol=1e-11, atol=1e-13)
    return torch.from_numpy(solved.y.T[:, :n].copy()), torch.from_numpy(solved.y.T[:, n:].copy())


VECTORS = {
    "aligned": ([1.0, 0.5], [1.0, 0.5]),  # Q = 0
    "opposed": ([1.0, 0.5], [-1.0, -0.5]),  # P = 0
    "one layer is zero": ([1.0, 0.5], [0.0, 0.0]),
    "orthogonal": ([1.0, 0.0], [0.0, 1.0]),
}


@pytest.mark.parametrize("name", VECTORS)
@pytest.mark.parametrize("correlation", [0.9, 0.0, -0.9])
def test_degenerate_cases_are_the_flow_as_well(name, correlation):
    first, second = (torch.tensor(layer, dtype=torch.float64) for layer in VECTORS[name])
    flow = TwoLayerFlow(first, second, 1.0, 1.0, SECOND_MOMENT, correlation)
    expected = integrated(flow, TIMES.numpy())
    torch.testing.assert_close(flow.weights(TIMES), expected, rtol=1e-8, atol=1e-9)
    for value in (flow.product(TIMES), flow.alignment(TIMES), flow.order_parameter(TIMES)):
        assert value.isfinite().all()


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_missing_cannot_grow(sign):
    vector = torch.tensor([0.6, -0.8], dtype=torch.float64)
    flow = TwoLayerFlow(vector, -sign * vector, 1.0, 1.0, 1.0, float(sign))
    assert flow.product(math.inf) == flow.parallel(math.inf) == flow.antiparallel(math.inf) == 0
    assert flow.order_parameter() == sign * math.inf
    assert flow.alignment(2.0).item() == pytest.approx(-sign)


def test_without_a_drive_weights_shrink_as_a_power_of_time():
    vector = torch.tensor([0.6, -0.8], dtype=torch.float64)
    for sign in (1, -1):
        flow = TwoLayerFlow(vector, sign * vector, 1.0, 1.0, 1.0, 0.0)
        torch.testing.assert_close(flow.product(TIMES), sign / (1 + 2 * TIMES))
        assert flow.product(math.inf) == 0


def test_zero_weights_stay():
    flow = TwoLayerFlow(torch.zeros(3), torch.zeros(3), 1.0, 1.0, 1.0, 1.0)
    for time in (0.0, 1.0, math.inf):
        assert flow.product(time) == flow.alignment(time) == 0
    still = TwoLayerFlow(torch.zeros(3), torch.zeros(3), 1.0, 1.0, 1.0, 0.0)
    assert still.product(math.inf) == still.order_parameter() == 0


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**20),
    n=st.integers(1, 6),
    scale=st.sampled_from([1e-12, 1e-3, 1.0, 1e3]),
    correlation=st.sampled_from([-2.0, -1e-9, 0.0, 1e-9, 2.0]),
    later=st.sampled_from([0.0, 1e-6, 0.3, 50.0, math.inf]),
)
def test_flows_compose_and_swapping_the_layers_changes_nothing(seed, n, scale, correlation, later):
    generator = torch.Generator().manual_seed(seed)
    first, second = scale * torch.randn(2, n, generator=generator, dtype=torch.float64)
    rates = (0.5, 2.0)
    flow = TwoLayerFlow(first, second, *rates, 1.0, correlation)
    midway = TwoLayerFlow(*flow.weights(0.3), *rates, 1.0, correlation)
    close = {"rtol": 1e-6, "atol": 1e-9 * scale}
    torch.testing.assert_close(midway.weights(later), flow.weights(later + 0.3), **close)
    swapped = TwoLayerFlow(second, first, *rates[::-1], 1.0, correlation)
    torch.testing.assert_close(swapped.weights(later)[::-1], flow.weights(later), **close)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_is_solved_in_float32(dtype):
    first = torch.tensor([0.5, -1.0, 0.25], dtype=dtype)
    second = torch.tensor([1.0, 0.5, 0.75], dtype=dtype)
    values = [
        TwoLayerFlow(first.to(kind), second.to(kind), 1.0, 1.0, 1.0, 1.0).product(TIMES)
        for kind in (dtype, torch.float64)
    ]
    assert values[0].dtype == torch.float32
    torch.testing.assert_close(values[0].double(), values[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_weights_that_are_not_finite_have_no_flow(bad):
    flow = TwoLayerFlow(torch.tensor([1.0, bad]), torch.tensor([1.0, 2.0]), 1.0, 1.0, 1.0, 1.0)
    for measure in (flow.product, flow.alignment, flow.parallel, flow.antiparallel, flow.order_parameter):
        assert measure(torch.tensor([0.0, 1.0, math.inf])).isnan().all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"first": [1.0]}, "`first` must be a tensor, got list"),
        (
            {"first": torch.ones(2, 1)},
            r"`first` must be .* shape \(n,\) .* got torch.float32 of shape \(2, 1\)",
        ),
        ({"second": torch.ones(0)}, r"`second` must be .* n at least 1, got torch.float32 of shape \(0,\)"),
        ({"second": torch.ones(2, dtype=torch.int64)}, "`second` must be real and floating-point"),
        ({"second": torch.ones(3)}, "`second` must have as many units as `first`, got 3 for 2"),
        ({"rate_first": 0.0}, r"`rate_first` must be positive and finite, got 0\.0"),
        ({"rate_second": -1.0}, r"`rate_second` must be positive and finite, got -1\.0"),
        ({"second_moment": math.nan}, "`second_moment` must be positive and finite, got nan"),
        ({"correlation": math.inf}, "`correlation` must be finite, got inf"),
    ],
)
def test_wrong_input_is_refused(change, message):
    right = {
        "first": torch.ones(2),
        "second": torch.ones(2),
        "rate_first": 1.0,
        "rate_second": 1.0,
        "second_moment": 1.0,
        "correlation": 1.0,
    }
    with pytest.raises(ValueError, match=message):
        TwoLayerFlow(**{**right, **change})
