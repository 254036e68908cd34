import json
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from lightning_symmetry.stages import Jump, JumpDetector


def jumps(values, detector=None):
    """What is found, with the number of points that it took."""
    detector = JumpDetector() if detector is None else detector
    found = [(count, detector.update(10 * i, float(v))) for count, (i, v) in enumerate(enumerate(values), 1)]
    return [(count, jump) for count, jump in found if jump is not None]


def steps(values) -> list[int]:
    return [jump.step // 10 for _, jump in jumps(values)]


def autoregressive(seed: int, correlation: float, count: int = 1000):
    """Noise of variance one, stationary from its first point."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal(count)
    for i in range(1, count):
        noise[i] = correlation * noise[i - 1] + math.sqrt(1 - correlation**2) * noise[i]
    return noise


def staircase(levels, width: int, noise: float = 0.0, seed: int = 0):
    values = np.repeat(np.asarray(levels, float), width)
    return values + noise * np.random.default_rng(seed).standard_normal(len(values))


def test_a_staircase_of_counts_is_found_exactly_eight_points_late():
    found = jumps(staircase([1, 3, 7, 12, 12, 9, 8], 30))
    assert [jump for _, jump in found] == [
        Jump(300, 1.0, 3.0),
        Jump(600, 3.0, 7.0),
        Jump(900, 7.0, 12.0),
        Jump(1500, 12.0, 9.0),
        Jump(1800, 9.0, 8.0),
    ]
    assert [count for count, _ in found] == [38, 68, 98, 158, 188]


def test_plateaus_of_ten_points_suffice_where_nothing_is_noisy():
    assert steps(staircase([1, 3, 7, 12, 9, 6], 10)) == [10, 20, 30, 40, 50]


@pytest.mark.parametrize("seed", range(5))
def test_a_staircase_of_a_noisy_loss_is_found(seed):
    found = jumps(staircase([3.0, 2.0, 1.2, 0.5], 80, noise=0.05, seed=seed))
    assert [jump.step for _, jump in found] == pytest.approx([800, 1600, 2400], abs=10)
    assert max(count % 80 for count, _ in found) <= 12
    levels = [found[0][1].before, *(jump.after for _, jump in found)]
    assert levels == pytest.approx([3.0, 2.0, 1.2, 0.5], abs=0.06)
    # the level before is known better than the one after: it had the whole plateau
    assert all(abs(b.before - a.after) < 0.1 for (_, a), (_, b) in pairwise(found))


@pytest.mark.parametrize("noise", [0.0, 0.003])
@pytest.mark.parametrize("width", [1, 3, 10])
def test_gradual_falls_are_found_once_and_dated_before_their_middle(width, noise):
    t = np.arange(1000.0)
    fall = sum(a * expit((m - t) / width) for a, m in [(1, 250), (1, 500), (0.5, 750)])
    start = 2 * np.exp(-t / 8)
    found = jumps(start + fall + noise * np.random.default_rng(0).standard_normal(1000))
    assert len(found) == 3
    # a smooth fall is seen when it leaves the plateau by a few hundredths of itself
    for (_, jump), middle in zip(found, (250, 500, 750), strict=True):
        assert 0 <= middle - jump.step / 10 <= 7 * width
        assert jump.after < jump.before


@pytest.mark.parametrize(("correlation", "allowed"), [(0.0, 0), (0.5, 0), (0.7, 1), (0.8, 1)])
def test_noise_that_goes_nowhere_jumps_less_than_once_in_a_hundred_series(correlation, allowed):
    # at a rate of 0.01 a series, 30 of them have more than one false jump in 4 % of draws, and one in 26 %
    assert sum(len(jumps(autoregressive(seed, correlation))) for seed in range(30)) <= allowed


@pytest.mark.parametrize("shape", ["standard_cauchy", "laplace", "exponential"])
def test_heavy_tails_and_outliers_are_no_jumps(shape):
    for seed in range(10):
        assert jumps(getattr(np.random.default_rng(seed), shape)(size=1000)) == []


def test_a_step_of_five_deviations_is_found_within_twenty_five_points():
    delays = []
    for seed in range(100):
        values = np.random.default_rng(seed).standard_normal(160)
        values[100:] += 5
        delays += [count - 100 for count, jump in jumps(values) if abs(jump.step - 1000) <= 50]
    assert len(delays) >= 93
    assert np.mean(delays) < 10 and max(delays) <= 25


@pytest.mark.parametrize(
    "curve",
    [
        lambda t: 10 / np.sqrt(1 + t),
        lambda t: 10 * np.exp(-t / 20),
        lambda t: 10 * np.exp(-t / 100),
        lambda t: 0.1 * t,
        lambda t: np.log1p(t),
    ],
)
@pytest.mark.parametrize("noise", [0.0, 0.001, 0.03])
def test_a_steady_drift_has_no_jump(curve, noise):
    t = np.arange(1000.0)
    for seed in range(3):
        assert jumps(curve(t) + noise * np.random.default_rng(seed).standard_normal(1000)) == []


def test_a_spike_that_comes_back_is_no_jump():
    values = staircase([1.0], 300, noise=0.1)
    values[100:106] += 50
    values[200] = 1e9
    assert jumps(values) == []


def test_values_that_are_not_finite_say_nothing():
    values = staircase([4.0, 2.0], 30)
    holes = values.copy().tolist()
    for place in (3, 40):
        holes.insert(place, math.nan)
    holes[10] = math.inf
    holes[12] = -1e200
    assert [jump[1:] for _, jump in jumps(holes)] == [(4.0, 2.0)]
    assert jumps([math.nan] * 50) == []


@st.composite
def series(draw):
    levels = draw(st.lists(st.integers(0, 8), min_size=1, max_size=5))
    noise = draw(st.sampled_from([0.0, 0.02, 0.2]))
    return staircase(levels, draw(st.integers(8, 60)), noise, draw(st.integers(0, 2**20)))


@settings(deadline=None, max_examples=40)
@given(series(), st.sampled_from([2.0**-40, 2.0**-3, 1.0, 2.0**30]), st.integers(-64, 64))
def test_moved_and_scaled_series_have_the_same_jumps(values, scale, shift):
    plain, other = jumps(values), jumps(scale * (values + shift))
    assert [(count, jump.step) for count, jump in other] == [(count, jump.step) for count, jump in plain]
    for (_, a), (_, b) in zip(plain, other, strict=True):
        assert b[1:] == pytest.approx([scale * (level + shift) for level in a[1:]])


@settings(deadline=None, max_examples=40)
@given(series())
def test_upside_down_a_series_jumps_the_other_way(values):
    assert jumps(-values) == [
        (count, Jump(jump.step, -jump.before, -jump.after)) for count, jump in jumps(values)
    ]


@settings(deadline=None, max_examples=40)
@given(series(), st.data())
def test_a_detector_goes_on_from_its_state(values, data):
    cut = data.draw(st.integers(0, len(values)))
    first, second = JumpDetector(), JumpDetector()
    whole = [first.update(i, v) for i, v in enumerate(values)]
    first = JumpDetector()
    found = [first.update(i, v) for i, v in enumerate(values[:cut])]
    second.load_state_dict(json.loads(json.dumps(first.state_dict())))
    found += [second.update(i, v) for i, v in enumerate(values[cut:], cut)]
    assert found == whole


def test_memory_does_not_grow():
    def size(state):
        if isinstance(state, dict):
            state = list(state.values())
        return sum(map(size, state)) if isinstance(state, list) else 1

    detector, sizes = JumpDetector(), set()
    for i, value in enumerate(autoregressive(0, 0.5, 4000)):
        detector.update(i, value)
        sizes.add(size(detector.state_dict()))
    assert max(sizes) <= 8 + 2 * 9 + 8
    assert size(detector.state_dict()) == max(sizes)
