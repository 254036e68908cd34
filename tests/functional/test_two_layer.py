"""The closed form against gradient descent and against a numerical solution of the flow."""

import math

import numpy as np
import pytest
import torch
from scipy.integrate import solve_ivp

from lightning_symmetry.functional import TwoLayerFlow, scaling_charges

SECOND_MOMENT, CORRELATION = 1.3, 0.9
TIMES = torch.linspace(0, 4, 9, dtype=torch.float64)

# Name: (rate of the first layer, of the second, number of units, scale of the first layer, of the second)
SETTINGS = {
    "equal rates": (1.0, 1.0, 5, 0.5, 0.5),
    "fast first layer": (2.0, 0.25, 5, 0.5, 0.5),
    "fast second layer": (0.2, 1.5, 3, 0.3, 0.6),
    "small weights": (1.0, 0.7, 4, 0.05, 0.05),
    "large weights": (0.5, 1.0, 8, 1.5, 1.0),
    "unequal layers": (1.0, 1.0, 6, 1.2, 0.02),
    "one unit": (1.0, 0.5, 1, 0.4, 0.3),
}
every_setting = pytest.mark.parametrize("name", SETTINGS)
both_signs = pytest.mark.parametrize("correlation", [CORRELATION, -CORRELATION])


def flow_of(name, correlation=CORRELATION, seed=0):
    rate_first, rate_second, n, scale_first, scale_second = SETTINGS[name]
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randn(2, n, generator=generator, dtype=torch.float64)
    return TwoLayerFlow(
        scale_first * first, scale_second * second, rate_first, rate_second, SECOND_MOMENT, correlation
    )


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


def descended(flow, steps, time):
    """Train with SGD on data that have the moments of the flow."""
    generator = torch.Generator().manual_seed(1)
    x, noise = torch.randn(2, 32, generator=generator, dtype=torch.float64)
    noise -= x * (x @ noise) / (x @ x)
    x *= math.sqrt(flow.second_moment) / x.square().mean().sqrt()
    y = flow.correlation / flow.second_moment * x + noise
    u, w = (layer.clone().requires_grad_() for layer in (flow.first, flow.second))
    optimizer = torch.optim.SGD(
        [
            {"params": [u], "lr": flow.rate_first * time / steps},
            {"params": [w], "lr": flow.rate_second * time / steps},
        ]
    )
    for _ in range(steps):
        optimizer.zero_grad()
        loss = ((u * x.unsqueeze(-1)) @ w - y).square().mean() / 2
        loss.backward()
        optimizer.step()
    return u.detach(), w.detach()


def cosine(u, w):
    return (u * w).sum(-1) / (u.norm(dim=-1) * w.norm(dim=-1))


@every_setting
@both_signs
def test_it_is_the_numerical_solution_of_the_flow(name, correlation):
    flow = flow_of(name, correlation)
    u, w = integrated(flow, TIMES.numpy())
    close = {"rtol": 1e-8, "atol": 1e-9}
    torch.testing.assert_close(flow.weights(TIMES), (u, w), **close)
    torch.testing.assert_close(flow.product(TIMES), (u * w).sum(-1), **close)
    torch.testing.assert_close(flow.alignment(TIMES), cosine(u, w), **close)
    p, q = ((math.sqrt(flow.rate_second) * u + sign * math.sqrt(flow.rate_first) * w) / 2 for sign in (1, -1))
    torch.testing.assert_close(flow.parallel(TIMES), p.square().sum(-1), **close)
    torch.testing.assert_close(flow.antiparallel(TIMES), q.square().sum(-1), **close)


@pytest.mark.parametrize("name", ["equal rates", "fast first layer", "fast second layer", "small weights"])
def test_small_steps_of_sgd_follow_it(name):
    flow, time = flow_of(name), 2.0
    u, w = descended(flow, steps=2000, time=time)
    assert abs((u @ w) - flow.product(time)) < 1e-3
    assert abs(cosine(u, w) - flow.alignment(time)) < 1e-3
    charges = flow.rate_second * u.square() - flow.rate_first * w.square()
    assert (charges - flow.charges()).abs().max() < 1e-3
    assert abs((u @ w) - (flow.first @ flow.second)) > 0.05  # it went somewhere


def test_the_error_of_sgd_is_of_first_order_in_the_step():
    flow, time = flow_of("fast first layer"), 1.0
    errors = [
        (torch.stack(descended(flow, steps, time)) - torch.stack(flow.weights(time))).norm()
        for steps in (200, 400)
    ]
    assert 1.8 < errors[0] / errors[1] < 2.2


@every_setting
@both_signs
def test_the_solution_obeys_the_published_formulas(name, correlation):
    flow = flow_of(name, correlation)
    a, b = SECOND_MOMENT, correlation
    kappa = math.sqrt(flow.rate_first * flow.rate_second)
    p0, q0 = flow.parallel(0.0), flow.antiparallel(0.0)
    d = (kappa**2 * b**2 + 4 * a**2 * p0 * q0).sqrt()
    high, low = (kappa * b + d) / (2 * a * p0), (kappa * b - d) / (2 * a * p0)
    c = (1 - high) / (1 - low) * (-2 * d * TIMES).exp()
    z = (high - low * c) / (1 - c)
    torch.testing.assert_close((2 * flow.order_parameter(TIMES)).exp(), z)
    torch.testing.assert_close((2 * flow.order_parameter()).exp(), high)
    torch.testing.assert_close(flow.product(TIMES), (p0 * z - q0 / z) / kappa)
    p, q = p0 * z, q0 / z
    r = (flow.charges() / 4).sum()
    torch.testing.assert_close(flow.alignment(TIMES), (p - q) / ((p + q).square() - 4 * r**2).sqrt())


@every_setting
@both_signs
def test_its_limit_is_linear_regression(name, correlation):
    flow = flow_of(name, correlation)
    for late in (math.inf, 1e6):
        assert flow.product(late).item() == pytest.approx(correlation / SECOND_MOMENT)
    assert flow.product(0.0).item() == pytest.approx((flow.first @ flow.second).item())


@every_setting
def test_charges_are_conserved_and_are_those_of_rescaling(name):
    flow = flow_of(name)
    u, w = flow.weights(TIMES)
    now = flow.rate_second * u.square() - flow.rate_first * w.square()
    torch.testing.assert_close(now, flow.charges().expand_as(now))
    legs = [
        math.sqrt(rate) * layer.unsqueeze(-1)
        for rate, layer in ((flow.rate_second, flow.first), (flow.rate_first, flow.second))
    ]
    torch.testing.assert_close(flow.charges(), scaling_charges(legs, [1, -1]))


@pytest.mark.parametrize("n", [2, 100, 10000])
def test_the_order_parameter_vanishes_with_the_width_in_the_kernel_phase_only(n):
    # Orthogonal layers with squared norms of n s² / 2 each: kernel scaling for s = n^(-1/4), else n^(-1/2).
    first = (torch.arange(n) % 2).double()
    for power, expected in ((-0.25, math.asinh(2 / math.sqrt(n)) / 2), (-0.5, math.asinh(2) / 2)):
        flow = TwoLayerFlow(n**power * first, n**power * (1 - first), 1.0, 1.0, 1.0, 1.0)
        assert flow.order_parameter().item() == pytest.approx(expected)


def test_times_may_have_any_shape():
    flow = flow_of("equal rates")
    assert flow.product(0.5).shape == ()
    assert flow.product(TIMES.view(3, 3)).shape == (3, 3)
    assert flow.weights(TIMES.view(3, 3))[0].shape == (3, 3, 5)
