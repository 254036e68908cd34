import math

import numpy as np
import pytest
import torch

from lightning_symmetry.functional import (
    matrix_alignment,
    moments,
    shuffled_alignment,
    sketched_alignment,
    sketched_samples,
    sketched_shuffled_alignment,
)

WIDTH, DIRECTIONS = 400, 64


def pair(kind):
    generator = torch.Generator().manual_seed(0)

    def draw(*shape):
        return torch.randn(*shape, generator=generator)

    if kind == "flat":
        one = draw(800, WIDTH)
        return one, one + draw(800, WIDTH)
    if kind == "positive":
        return draw(800, WIDTH).relu(), draw(800, WIDTH).relu()
    directions = {"ten directions": 10, "one direction": 1}[kind]
    one = draw(800, directions) @ draw(directions, WIDTH)
    return one, one + draw(800, directions) @ draw(directions, WIDTH)


@pytest.mark.parametrize("kind", ["flat", "positive", "ten directions", "one direction"])
def test_the_error_is_what_is_said(kind):
    samples = pair(kind)
    whole = [moments(rows).covariance() for rows in samples]
    exact, baseline = matrix_alignment(*whole), shuffled_alignment(*whole)
    errors, shifts = [], []
    for seed in range(12):
        sketch = [moments(sketched_samples(rows, DIRECTIONS, seed)).covariance() for rows in samples]
        errors.append(sketched_alignment(*sketch, WIDTH).item() - exact.item())
        shifts.append(sketched_shuffled_alignment(*sketch, WIDTH).item() - baseline.item())
    bound = (1 - exact.item() ** 2) * 2 / math.sqrt(DIRECTIONS)
    assert np.sqrt(np.mean(np.square(errors))) < bound
    assert abs(np.mean(errors)) < bound / 2
    assert np.sqrt(np.mean(np.square(shifts))) < 2 / DIRECTIONS


def test_what_is_not_wide_is_left_alone():
    rows = torch.randn(9, 6, generator=torch.Generator().manual_seed(0))
    for limit in (5, 6, 100):
        assert sketched_samples(rows, limit) is rows
    assert sketched_samples(rows, 4).shape == (9, 5)
    matrix = rows.mT @ rows
    assert torch.equal(sketched_alignment(matrix, matrix**2, 6), matrix_alignment(matrix, matrix**2))
    assert torch.equal(sketched_shuffled_alignment(matrix, matrix, 6), shuffled_alignment(matrix, matrix))


def test_zeros_and_what_is_not_finite():
    zeros, broken = torch.zeros(5, 5), torch.full((5, 5), math.nan)
    for measure in (sketched_alignment, sketched_shuffled_alignment):
        assert measure(zeros, torch.eye(5), 9) == 0
        assert measure(broken, torch.eye(5), 9).isnan()
        assert measure(torch.ones(0, 5, 5), torch.ones(0, 5, 5), 9).shape == (0,)


def test_wrong_sizes_are_refused():
    with pytest.raises(ValueError, match="`dimension` must be at least 2, got 1"):
        sketched_samples(torch.ones(3, 4), 1)
    with pytest.raises(ValueError, match=r"`one` must be square and smaller than 4, got \(5, 5\)"):
        sketched_alignment(torch.eye(5), torch.eye(5), 4)
    with pytest.raises(ValueError, match=r"`other` must have the shape \(4, 4\), got \(3, 3\)"):
        sketched_alignment(torch.eye(4), torch.eye(3), 9)
