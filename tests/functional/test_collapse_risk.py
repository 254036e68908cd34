import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import collapse_risk


def reference(steps, values):
    """Fit a parabola with numpy, and follow it for one more window."""
    time = (np.array(steps, dtype=float) - steps[-1]) / (steps[-1] - steps[0])
    design = np.stack([np.ones_like(time), time, time**2], -1)
    x = np.log(np.array(values, dtype=float))
    (_, rate, bend), *_ = np.linalg.lstsq(design, x, rcond=None)
    noise = np.sqrt(((x - design @ np.linalg.lstsq(design, x, rcond=None)[0]) ** 2).sum() / (len(x) - 3))
    spread = noise * np.sqrt(np.diag(np.linalg.inv(design.T @ design)))
    if not (rate < -4 * spread[1] and bend <= 4 * spread[2]):
        return 0.0
    return 1 - math.exp(min(0.0, rate + min(bend, 0.0)))


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
        assert alarms < 0.0015


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
