import math
from itertools import pairwise

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import depth_profile


def phases(ranks, **options):
    return [(s.phase[0], s.first, s.last) for s in depth_profile(ranks, **options)]


@pytest.mark.parametrize(
    ("ranks", "expected"),
    [
        ([10, 20, 40, 40, 40, 40, 20, 10], [("e", 0, 2), ("t", 2, 5), ("r", 5, 7)]),
        ([5, 5, 5], [("t", 0, 2)]),
        ([5, 10], [("e", 0, 1)]),
        ([10, 1], [("r", 0, 1)]),
        ([8, 16, 32, 16, 8], [("e", 0, 2), ("r", 2, 4)]),
        ([8, 8, 8, 64, 64, 64], [("t", 0, 2), ("e", 2, 3), ("t", 3, 5)]),
        ([5, 5, 0, 0], [("t", 0, 1), ("r", 1, 2), ("t", 2, 3)]),  # collapse to a constant
        ([3], []),
        ([], []),
    ],
)
def test_known_profiles(ranks, expected):
    assert phases(ranks) == expected
    assert phases(torch.tensor(ranks, dtype=torch.float32)) == expected


def test_a_slow_rise_is_one_expansion():
    assert phases([10 * 1.03**layer for layer in range(40)]) == [("e", 0, 39)]


def test_a_step_back_does_not_interrupt():
    ranks = [10 * 1.2**layer for layer in range(12)]
    ranks[6] *= 0.92
    assert phases(ranks) == [("e", 0, 11)]


def test_noise_is_no_phase():
    generator = torch.Generator().manual_seed(0)
    clean = torch.tensor([10.0] * 10 + [20.0, 40.0, 80.0] + [80.0] * 10)
    noisy = clean * (1 + 0.05 * torch.randn(len(clean), generator=generator))
    assert len(phases(noisy)) > 3
    found = depth_profile(noisy, noise=0.05)
    assert [segment.phase for segment in found] == ["transmission", "expansion", "transmission"]
    assert abs(found[1].first - 9) <= 1 and abs(found[1].last - 12) <= 1


profiles = st.lists(st.floats(1, 1000), min_size=2, max_size=20)


@settings(deadline=None, max_examples=100)
@given(profiles, st.sampled_from([0.05, 0.1, 0.5]))
def test_segments_cover_the_depth_and_are_what_they_say(ranks, threshold):
    found = depth_profile(ranks, threshold)
    assert [s.first for s in found[1:]] == [s.last for s in found[:-1]]
    assert (found[0].first, found[-1].last) == (0, len(ranks) - 1)
    assert all(one.phase != other.phase for one, other in pairwise(found))
    tolerance = math.log1p(threshold)
    for segment in found:
        assert segment.change == pytest.approx(ranks[segment.last] / ranks[segment.first])
        size = math.log(segment.change)
        assume(abs(abs(size) - tolerance) > 1e-9)  # rounding decides there
        expected = "expansion" if size > 0 else "reduction"
        assert segment.phase == (expected if abs(size) > tolerance else "transmission")


@settings(deadline=None, max_examples=50)
@given(profiles, st.sampled_from([0.25, 2.0]))
def test_the_scale_of_the_ranks_does_not_matter(ranks, scale):
    ranks = [100 * rank for rank in ranks]
    assert phases([scale * rank for rank in ranks]) == phases(ranks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0, math.nan],), "`ranks` must be one finite number of at least 0 a layer"),
        (([1.0, -1.0],), "`ranks` must be one finite number of at least 0 a layer"),
        (([1.0], 0.0), "`threshold` must be positive and finite, got 0.0"),
        (([1.0], 0.1, -1.0), "`noise` must be at least 0 and finite, got -1.0"),
    ],
)
def test_what_is_no_profile_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        depth_profile(*arguments)
