import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import (
    CanonicalAlignments,
    LayerMatrices,
    canonical_exponents,
    fit_power_law,
    spectral_power_law,
)


def rotation(size, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q


@settings(deadline=None, max_examples=60)
@given(st.integers(3, 30), st.integers(0, 2**20), st.sampled_from([0.5, 0.9, 0.95, 0.99]), st.integers(0, 3))
def test_the_fit_is_that_of_theil_and_sen(size, seed, confidence, hidden):
    generator = np.random.default_rng(seed)
    x = generator.lognormal(size=size)
    y = 3 * x**1.5 * generator.lognormal(sigma=0.7, size=size)
    found = fit_power_law(
        torch.tensor(np.append(x, [0.0] * hidden)), torch.tensor(np.append(y, [1.0] * hidden)), confidence
    )
    logs = np.log(x), np.log(y)
    expected = scipy.stats.theilslopes(logs[1], logs[0], confidence, method="joint")
    assert found.exponent.item() == pytest.approx(expected.slope)
    assert found.low.item() == pytest.approx(expected.low_slope)
    assert found.high.item() == pytest.approx(expected.high_slope)
    residuals = logs[1] - expected.slope * logs[0] - expected.intercept
    r_squared = 1 - (residuals**2).sum() / ((logs[1] - logs[1].mean()) ** 2).sum()
    assert found.r_squared.item() == pytest.approx(r_squared)
    assert found.points == size


def test_the_interval_covers_as_often_as_it_says():
    generator = torch.Generator().manual_seed(0)
    x = torch.exp(torch.randn(400, 20, generator=generator))
    law = fit_power_law(x, x**2 * torch.exp(torch.randn(400, 20, generator=generator)), 0.9)
    covered = ((law.low <= 2) & (law.high >= 2)).double().mean().item()
    assert covered == pytest.approx(0.9, abs=0.045)  # three standard deviations


def test_a_quarter_of_outliers_does_not_move_it():
    x = torch.arange(1.0, 41.0)
    y = x**2
    y[::4] = 1e6
    law = fit_power_law(x, y)
    assert law.exponent.item() == pytest.approx(2, abs=0.3)
    assert law.low <= 2 <= law.high and law.r_squared < 0.9


@pytest.mark.parametrize("exponent", [-1.0, 0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("scale", [1e-15, 1.0, 1e12])
def test_powers_of_matrices_are_found(exponent, scale):
    spectrum = torch.logspace(-0.7, 0.7, 20, dtype=torch.float64)
    q = rotation(20, 0)
    b = q @ torch.diag(spectrum) @ q.mT
    a = scale * q @ torch.diag(spectrum**exponent) @ q.mT
    for dtype, within in ((torch.float64, 1e-9), (torch.float32, 1e-2)):
        law = spectral_power_law(a.to(dtype), b.to(dtype))
        assert law.exponent.dtype == dtype and law.points == 20
        assert law.exponent.item() == pytest.approx(exponent, abs=within)
        assert law.r_squared.item() == pytest.approx(1, abs=within)
        assert law.low <= law.exponent <= law.high


def test_unused_directions_are_left_out():
    spectrum = torch.tensor([0.0] * 4 + [1.0, 2.0, 4.0, 8.0, 16.0])
    q = rotation(9, 1).float()
    b, a = (q @ torch.diag(s) @ q.mT for s in (spectrum, spectrum**2))
    law = spectral_power_law(a, b)
    assert law.points == 5
    assert law.exponent.item() == pytest.approx(2, abs=1e-4)


def test_what_does_not_commute_has_a_low_r_squared():
    q = rotation(30, 2)
    b = torch.diag(torch.logspace(-2, 2, 30, dtype=torch.float64))
    assert spectral_power_law(q @ b @ q.mT, b).r_squared < 0.3


def test_degenerate_spectra_have_no_exponent():
    for matrix in (torch.zeros(4, 4), torch.diag(torch.tensor([1.0, 2.0, 0.0, 0.0])), torch.zeros(0, 0)):
        assert all(number.isnan() for number in spectral_power_law(matrix, matrix))
    assert spectral_power_law(torch.eye(4), torch.diag(torch.arange(1.0, 5.0))).exponent.abs() < 1e-6
    assert fit_power_law(torch.ones(4), torch.arange(1.0, 5.0)).exponent.isnan()
    assert fit_power_law(torch.zeros(2, 0), torch.zeros(2, 0)).exponent.isnan().all()


def test_a_copy_that_is_not_finite_has_no_exponent():
    b = torch.diag(torch.arange(1.0, 6.0)).repeat(2, 1, 1)
    b[1, 0, 1] = math.inf
    assert spectral_power_law(b[:1].expand(2, 5, 5), b).exponent.isnan().tolist() == [False, True]
    assert fit_power_law(torch.tensor([1.0, 2.0, 3.0, math.nan]), torch.ones(4)).exponent.isnan()


def test_six_exponents():
    z, q = torch.logspace(0, 1, 12, dtype=torch.float64), rotation(12, 3)
    powers = {"h_a": 2, "g_a": -1, "z_a": 1, "h_b": 1.5, "g_b": 3, "z_b": 1}
    laws = canonical_exponents(
        LayerMatrices(**{m: q @ torch.diag(z**power) @ q.mT for m, power in powers.items()})
    )
    found = [law.exponent.item() for law in laws.values()]
    assert list(laws) == list(CanonicalAlignments._fields)
    assert found == pytest.approx([0.5, 3, 1.5, -2, -1, 2])


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="`confidence` must be between 0 and 1, got 95"):
        fit_power_law(torch.ones(3), torch.ones(3), 95)
    with pytest.raises(ValueError, match=r"`y` must have the shape \(3,\), got \(4,\)"):
        fit_power_law(torch.ones(3), torch.ones(4))
    with pytest.raises(ValueError, match=r"`other` must have the shape \(3, 3\), got \(2, 2\)"):
        spectral_power_law(torch.eye(3), torch.eye(2))
    with pytest.raises(ValueError, match=r"`one` must be square, got \(3, 2\)"):
        spectral_power_law(torch.ones(3, 2), torch.ones(3, 2))
