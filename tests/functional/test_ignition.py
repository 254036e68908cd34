import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import ignition_times, predicted_ignition_times

STRENGTHS = torch.tensor([4.0, 3.0, 2.0, 1.5], dtype=torch.float64)
RATE = 0.005


def normal(*shape, seed):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def rotation(size, seed):
    return torch.linalg.qr(normal(size, size, seed=seed)).Q


def teacher():
    """Whitened inputs, one sample a row, outputs to learn, and the singular vectors of their correlation."""
    inputs = torch.linalg.qr(normal(40, 6, seed=0)).Q * math.sqrt(40)
    left, right = rotation(5, seed=1)[:, :4], rotation(6, seed=2)[:, :4]
    return inputs, inputs @ right @ torch.diag(STRENGTHS) @ left.mT, left, right


def train(first, second, steps):
    """Gradient descent on half the mean squared error; the amplitude of every mode before each step."""
    inputs, outputs, left, right = teacher()
    first, second = first.clone().requires_grad_(), second.clone().requires_grad_()
    amplitudes = []
    for _ in range(steps):
        amplitudes.append(((left.mT @ second) * (first @ right).mT).sum(dim=-1).detach())
        error = inputs @ first.mT @ second.mT - outputs
        gradients = torch.autograd.grad(error.square().sum() / (2 * len(inputs)), (first, second))
        with torch.no_grad():
            first -= RATE * gradients[0]
            second -= RATE * gradients[1]
    return torch.arange(steps), torch.stack(amplitudes)


INITIAL = torch.tensor([1e-4, 1e-5, 3e-4, 1e-4], dtype=torch.float64)


@pytest.fixture(scope="module")
def aligned():
    """A run from balanced layers whose modes are those of the teacher already, only small."""
    _, _, left, right = teacher()
    hidden = rotation(7, seed=3)[:, :4] * INITIAL.sqrt()
    return train(hidden @ right.mT, left @ hidden.mT, 1100)


@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_an_aligned_linear_network_learns_its_modes_when_theory_says(aligned, fraction):
    steps, amplitudes = aligned
    torch.testing.assert_close(amplitudes[0], INITIAL)
    assert amplitudes[-1].tolist() == pytest.approx(STRENGTHS.tolist(), rel=0.01)
    found = ignition_times(steps, amplitudes, fraction) * RATE
    predicted = predicted_ignition_times(2 * STRENGTHS, INITIAL, STRENGTHS, fraction)
    # The error is that of finite steps: (1 + ηs)² for exp(2ηs), at most ηs/2 = 1 %.
    torch.testing.assert_close(found, predicted, rtol=0.02, atol=0)


def test_a_wide_linear_network_from_small_random_weights_learns_its_modes_when_theory_says():
    _, _, left, right = teacher()
    first, second = 1e-3 * normal(200, 6, seed=4), 1e-3 * normal(5, 200, seed=5)
    initial = (first @ right + second.mT @ left).square().sum(dim=0) / 4
    steps, amplitudes = train(first, second, 1100)
    found = ignition_times(steps, amplitudes) * RATE
    predicted = predicted_ignition_times(2 * STRENGTHS, initial, STRENGTHS)
    torch.testing.assert_close(found, predicted, rtol=0.02, atol=0)
    assert found.diff().min() > 0  # one after the other, the strongest first


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0.1, 10), st.floats(1e-6, 1e-2), st.floats(0.5, 5), st.floats(0.1, 0.9), st.floats(1e-3, 1e3)
)
def test_the_prediction_is_where_the_sigmoid_reaches_the_fraction(rate, initial, final, fraction, unit):
    time = predicted_ignition_times(
        torch.tensor([rate], dtype=torch.float64), initial * unit, final * unit, fraction
    ).item()
    growth = math.exp(rate * time)
    assert final * growth / (growth - 1 + final / initial) == pytest.approx(fraction * final)


def test_the_prediction_solves_the_equation_of_growth():
    rate, initial, final = 2.0, 1e-3, 3.0
    times = np.linspace(0, 8, 80001)
    amplitude = initial
    series = [amplitude]
    for _ in times[1:]:  # Heun's rule
        slope = rate * amplitude * (1 - amplitude / final)
        guess = amplitude + 1e-4 * slope
        amplitude += 1e-4 * (slope + rate * guess * (1 - guess / final)) / 2
        series.append(amplitude)
    reached = times[np.searchsorted(series, 1.5)]
    predicted = predicted_ignition_times(torch.tensor([rate]), initial, final)
    assert predicted.item() == pytest.approx(reached, abs=2e-4)


def test_the_law_of_neural_quadratic_forms_holds_near_zero():
    rates, saturation = torch.tensor([3.0, 1.0, 0.2]), torch.tensor([2.0, 0.5, 1.0])
    law = torch.log(rates / (saturation * 1e-6)) / rates
    torch.testing.assert_close(predicted_ignition_times(rates, 1e-6, rates / saturation), law)


@settings(deadline=None, max_examples=80)
@given(
    st.lists(st.floats(-2, 5, width=32), min_size=1, max_size=8),
    st.floats(0.1, 0.9),
    st.floats(0.1, 10),
    st.floats(-5, 5),
)
def test_the_time_is_the_last_crossing_of_the_interpolated_series(values, fraction, unit, origin):
    steps = [origin + unit * i**2 for i in range(len(values))]
    value = ignition_times(
        torch.tensor(steps, dtype=torch.float64), torch.tensor(values, dtype=torch.float64)[:, None], fraction
    ).item()
    threshold = fraction * values[-1]
    if not (values[-1] > 0 and values[0] < threshold):
        assert math.isnan(value)
        return
    assert np.interp(value, steps, values) == pytest.approx(threshold, rel=1e-6, abs=1e-9)
    later = [v for s, v in zip(steps, values, strict=True) if s > value + 1e-9]
    assert all(v >= threshold for v in later)
    assert any(s <= value and v < threshold for s, v in zip(steps, values, strict=True))


def test_of_several_crossings_the_last_one_counts():
    amplitudes = torch.tensor([[0.0], [4.0], [1.0], [3.0], [4.0]])
    assert ignition_times(torch.arange(5), amplitudes).tolist() == [2.5]
    assert ignition_times(torch.arange(5), amplitudes, 0.9).item() == pytest.approx(3.6)


def test_a_mode_that_does_not_grow_has_no_time():
    series = {
        "stays": [1.0, 1.0, 1.0],
        "starts above": [3.0, 0.0, 4.0],
        "shrinks": [4.0, 2.0, 1.0],
        "ends at zero": [0.0, 1.0, 0.0],
        "ends negative": [-4.0, -2.0, -1.0],
        "lost": [0.0, math.nan, 1.0],
        "infinite": [-math.inf, 0.0, 1.0],
        "diverges": [0.0, 1.0, math.inf],
        "grows": [-1.0, 0.0, 2.0],
    }
    times = ignition_times(torch.arange(3), torch.tensor(list(series.values())).mT)
    assert times.isnan().tolist() == [name != "grows" for name in series]
    assert times[-1] == 1.5


def test_one_look_shows_no_growth_and_zero_never_grows():
    assert ignition_times(torch.zeros(1), torch.ones(1, 3)).isnan().all()
    assert ignition_times(torch.arange(4), torch.zeros(4, 2)).isnan().all()


@pytest.mark.parametrize(
    "steps", [[0.0, 2.0, 1.0], [0.0, 1.0, 1.0], [0.0, 1.0, math.nan], [0.0, 1.0, math.inf]]
)
def test_times_that_do_not_increase_give_none(steps):
    amplitudes = torch.tensor([[0.0], [1.0], [2.0]])
    assert ignition_times(torch.tensor(steps), amplitudes).isnan().all()


def test_copies_have_their_own_times():
    amplitudes = normal(2, 3, 9, 4, seed=0).cumsum(dim=-2)
    times = ignition_times(torch.arange(9), amplitudes)
    assert times.shape == (2, 3, 4)
    assert 0 < times.isnan().sum() < 24
    for i in range(2):
        for j in range(3):
            alone = ignition_times(torch.arange(9), amplitudes[i, j])
            torch.testing.assert_close(times[i, j], alone, equal_nan=True)
    assert ignition_times(torch.arange(9), torch.zeros(2, 9, 0)).shape == (2, 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_both_compute_in_float32_or_better(dtype):
    expected = torch.promote_types(dtype, torch.float32)
    amplitudes = torch.tensor([[0.0], [1.0], [4.0]], dtype=dtype)
    measured = ignition_times(torch.arange(1000, 1003), amplitudes)
    assert measured.dtype == expected and measured.item() == pytest.approx(1001 + 1 / 3)
    predicted = predicted_ignition_times(torch.ones(1, dtype=dtype), 2.0**-10, 1.0)
    assert predicted.dtype == expected and predicted.item() == pytest.approx(math.log(1023))


def test_a_prediction_needs_growth():
    rates = torch.tensor([1.0, 0.0, -1.0, math.nan, math.inf, 1.0, 1.0, 1.0, 1.0, 1.0])
    initial = torch.tensor([0.1, 0.1, 0.1, 0.1, math.nan, 0.0, -0.1, 0.5, 0.1, 0.1])
    final = torch.tensor([1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, math.inf, -1.0])
    assert predicted_ignition_times(rates, initial, final).isnan().tolist() == [False] + [True] * 9


def test_a_prediction_does_not_overflow():
    time = predicted_ignition_times(torch.tensor([1.0]), 1e-30, 1e30)
    assert time.item() == pytest.approx(60 * math.log(10))


def test_predictions_broadcast():
    rates, initial = torch.ones(3, 1), torch.full((2,), 0.01)
    assert predicted_ignition_times(rates, initial, 1.0).shape == (3, 2)


def test_gradients_agree_with_finite_differences_and_stay_finite():
    steps = torch.arange(4, dtype=torch.float64).requires_grad_()
    amplitudes = torch.tensor([[0.0, 1.0], [1.0, 1.0], [4.0, 1.0], [4.5, 1.0]], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda s, a: ignition_times(s, a)[0], (steps, amplitudes.requires_grad_())
    )
    ignition_times(steps, amplitudes).nansum().backward()
    assert amplitudes.grad.isfinite().all()
    numbers = torch.tensor([[2.0, 0.0], [0.1, 0.0], [1.0, 0.0]], dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: predicted_ignition_times(*x)[0], numbers)
    predicted_ignition_times(*numbers).nansum().backward()
    assert numbers.grad.isfinite().all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ignition_times(torch.arange(2), torch.ones(2, 1), 1.0), "`fraction` must be .*, got 1.0"),
        (
            lambda: ignition_times(torch.arange(2), torch.ones(2)),
            r"`amplitudes` must have shape .*got \(2,\)",
        ),
        (lambda: ignition_times([0, 1], torch.ones(2, 1)), r"`steps` must be .* \(time,\), got list"),
        (lambda: ignition_times(torch.ones(2, 1), torch.ones(2, 1)), r"`steps` .* of shape \(2, 1\)"),
        (lambda: ignition_times(torch.ones(3), torch.ones(2, 1)), "`steps` must hold one time.*got 3 for 2"),
        (lambda: ignition_times(torch.ones(0), torch.ones(0, 1)), "`steps` must hold one time.*got 0 for 0"),
        (lambda: predicted_ignition_times(torch.ones(1), 0.1, 1.0, 0), "`fraction` must be .*, got 0"),
        (lambda: predicted_ignition_times(1.0, 0.1, 1.0), "`rates` must be .* tensor, got float"),
        (lambda: predicted_ignition_times(torch.ones(1), "0", 1.0), "`initial` must be .* tensor, got str"),
        (
            lambda: predicted_ignition_times(torch.ones(1), 0.1, torch.ones(1, dtype=torch.int64)),
            "`final` must be .* tensor, got torch.int64",
        ),
        (
            lambda: predicted_ignition_times(torch.ones(2), torch.ones(3), 1.0),
            r"must broadcast, got shapes \(2,\), \(3,\), \(\)",
        ),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
