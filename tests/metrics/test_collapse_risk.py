import math
import pickle

import pytest
import torch

from lightning_symmetry.functional import collapse_risk
from lightning_symmetry.metrics import CollapseRisk


def series(seed, looks):
    generator = torch.Generator().manual_seed(seed)
    return (-0.05 * torch.arange(looks) * torch.rand(3, 1, generator=generator)).exp()


def test_it_is_the_largest_risk_of_the_latest_window():
    metric, values = CollapseRisk(window=6), series(0, 20)
    for step in range(20):
        metric.update(3 * step, values[:, step])
        if step >= 5:
            window = values[:, step - 5 : step + 1]
            expected = collapse_risk(range(0, 18, 3), window)
            torch.testing.assert_close(metric.each, expected)
            assert metric.compute() == expected.max()
        else:
            assert metric.compute() == 0


def test_memory_is_that_of_one_window():
    metric = CollapseRisk(window=5)
    sizes = []
    for step in range(500):
        metric.update(step, torch.ones(3))
        sizes.append(len(pickle.dumps(metric)))
    assert sizes[20] == sizes[100] or abs(sizes[100] - sizes[20]) < 200
    assert abs(sizes[-1] - sizes[100]) < 200


def test_one_that_is_not_finite_does_not_hide_another():
    metric = CollapseRisk(window=5)
    for step in range(5):
        metric.update(step, torch.tensor([math.nan, math.exp(-step)]))
    assert metric.each[0].isnan()
    assert metric.compute() == pytest.approx(1 - math.exp(-4))
    for step in range(5, 10):
        metric.update(step, torch.tensor([math.nan, math.nan]))
    assert metric.compute().isnan()


def test_after_reset_the_window_is_empty():
    metric = CollapseRisk(window=5)
    for step in range(5):
        metric.update(step, torch.tensor([math.exp(-step)]))
    metric.reset()
    metric.update(9, torch.tensor([1.0]))
    assert metric.compute() == 0


def test_a_window_that_is_too_short_is_refused():
    with pytest.raises(ValueError, match="`window` must be at least 5, got 4"):
        CollapseRisk(window=4)
