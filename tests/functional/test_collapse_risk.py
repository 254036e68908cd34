import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import collapse_risk


def reference(steps, values):
    """Fit a parabola with numpy, and one through the later half; follow the higher for one more window."""
    time = (np.array(steps, dtype=float) - steps[-1]) / (steps[-1] - steps[0])
    design = np.stack([np.ones_like(time), time, time**2], -1)
    x = np.log(np.array(values, dtype=float))
    (_, rate, bend), *_ = np.linalg.lstsq(design, x, rcond=None)
    noise = np.sqrt(((x - design @ np.linalg.lstsq(design, x, rcond=None)[0]) ** 2).sum() / (len(x) - 3))
    spread = noise * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    half = len(x) // 2
    slope = np.polyfit(time[half:], x[half:], 1)[0]
    if not (rate < -4 * spread[1] and bend <= 4 * spread[2] and slope < 0):
        return 0.0
    half_bend, half_rate, _ = np.polyfit(time[half:], x[half:], 2)
    ends = [min(0.0, r + min(b, 0.0)) for r, b in ((rate, bend), (half_rate, half_bend))]
    return 1 - math.exp(max(ends))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 9999), st.sampled_from([0.0, 0.05, 0.3]), st.sampled_from([0.0, -0.02, 0.02]))
def test_it_is_the_parabola_followed_for_one_more_window(seed, rate, bend):
    generator = np.random.default_rng(seed)
    steps = np.cumsum(generator.integers(1, 5, size=12)).tolist()
    values = np.exp([-rate * i + bend * i * i / 2 + 0.02 * generator.normal() for i in range(12)])
    risk = collapse_risk(steps, torch.tensor(values))
    assert risk.item() == pytest.approx(reference(steps, values), abs=1e-9)


def test_an_exponential_collapse_loses_what_it_lost_before():
    time = torch.arange(16, dtype=torch.float64)
    noise = torch.randn(16, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 1e-3
    assert collapse_risk(range(16), (-0.1 * time + noise).exp()).item() == pytest.approx(
        1 - math.exp(-1.5), abs=0.01
    )


def test_growth_and_decay_towards_a_plateau_are_no_risk():
    time = torch.arange(16, dtype=torch.float64)
    series = torch.stack([(0.1 * time).exp(), 1 + (-0.3 * time).exp(), torch.ones(16)])
    assert collapse_risk(range(16), series).tolist() == [0, 0, 0]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.floats(1e-3, 2.0), min_size=5, max_size=24))
def test_what_has_only_grown_is_at_no_risk(increments):
    series = torch.tensor(increments, dtype=torch.float64).cumsum(0)
    assert collapse_risk(range(len(increments)), series).item() == 0


def test_a_top_is_no_collapse():
    # as above, but by three in a hundred it falls in the end
    time = torch.linspace(0, 1, 16, dtype=torch.float64)
    looks = 1 - 0.5 * (-8 * time).exp() - 0.05 * time
    assert looks[-1] < 0.99 * looks.max()
    assert collapse_risk(range(16), looks).item() < 0.2


def test_growth_that_ends_in_a_plateau_is_no_fall():
    # the distance of a hidden layer in a healthy training: a parabola through it turns down at the end
    looks = [5.54, 5.9, 6.36, 6.83, 7.27, 7.66, 7.97, 8.21, 8.39, 8.55, 8.65, 8.74, 8.83, 8.92, 8.99, 9.06]
    assert collapse_risk(range(16), torch.tensor(looks)).item() == 0


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30])
def test_the_scale_does_not_matter(scale):
    series = torch.tensor([1.0, 0.99, 0.95, 0.85, 0.65, 0.35], dtype=torch.float64)
    assert collapse_risk(range(6), scale * series).item() == pytest.approx(
        collapse_risk(range(6), series).item()
    )


def test_false_alarms_are_rare():
    noise = torch.randn(50_000, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for size in (0.01, 0.3):
        alarms = (collapse_risk(range(16), (size * noise).exp()) > 0.5).double().mean().item()
        assert alarms < 0.001


def test_what_has_collapsed_and_what_is_not_finite():
    series = torch.ones(3, 6)
    series[0, -1] = 0
    series[1, 2] = math.nan
    risk = collapse_risk(range(6), series)
    assert risk[0] == 1 and risk[1].isnan() and risk[2] == 0


@pytest.mark.parametrize(
    "steps, looks, message",
    [
        (range(4), 4, "`steps` must hold at least five steps"),
        ([0, 1, 1, 2, 3], 5, "`steps` must increase"),
        (range(5), 6, "`order_parameters` must have 5 looks in its last dimension"),
    ],
)
def test_wrong_series_are_refused(steps, looks, message):
    with pytest.raises(ValueError, match=message):
        collapse_risk(steps, torch.ones(looks))
