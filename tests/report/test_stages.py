import math

import pytest

from lightning_symmetry.report.stages import plateaus


def test_a_staircase_has_a_plateau_for_each_step():
    staircase = [3.0] * 20 + [2.0] * 20 + [1.0] * 20
    found = plateaus(range(0, 600, 10), staircase)
    assert len(found) == 3
    for (start, end), middle in zip(found, (100, 300, 500), strict=True):
        assert start < middle < end


def test_a_straight_fall_has_none():
    assert plateaus(range(50), [50.0 - i for i in range(50)]) == []


def test_a_constant_loss_is_one_plateau():
    assert plateaus(range(10), [2.0] * 10) == [(0, 9)]


def test_a_single_outlier_does_not_end_a_plateau():
    losses = [10.0 - i for i in range(10)] + [0.0] * 30
    losses[30] = 5.0
    assert len(plateaus(range(40), losses)) == 1


@pytest.mark.parametrize("losses", [[], [1.0] * 4, [1.0] * 9 + [math.nan]])
def test_too_little_to_tell(losses):
    assert plateaus(range(len(losses)), losses) == []
