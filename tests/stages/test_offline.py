import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.stages import JumpDetector, Transition, transitions

from .test_online import autoregressive, staircase


def test_a_staircase_of_counts_is_found_exactly():
    values = staircase([1, 3, 7, 12, 9], 30)
    found = transitions(range(0, 1500, 10), values, "symmetry/distinct_units/a")
    assert found == [
        Transition(300, "a", "distinct_units", "broken", 1.0, 3.0),
        Transition(600, "a", "distinct_units", "broken", 3.0, 7.0),
        Transition(900, "a", "distinct_units", "broken", 7.0, 12.0),
        Transition(1200, "a", "distinct_units", "restored", 12.0, 9.0),
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_staircase_is_found(seed):
    values = staircase([3.0, 2.0, 1.2, 0.5], 80, noise=0.15, seed=seed)
    found = transitions(range(len(values)), values)
    assert [t.step for t in found] == pytest.approx([80, 160, 240], abs=2)
    assert {t.kind for t in found} == {"fell"}


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.8])
def test_noise_that_goes_nowhere_has_no_transition(correlation):
    for seed in range(20):
        assert transitions(range(1000), autoregressive(seed, correlation)) == []


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.integers(0, 8), min_size=1, max_size=5),
    st.sampled_from([0.0, 0.1]),
    st.sampled_from([2.0**-40, 1.0, 2.0**30]),
    st.integers(-64, 64),
)
def test_moved_and_scaled_series_have_the_same_transitions(levels, noise, scale, shift):
    values = staircase(levels, 20, noise)
    plain = transitions(range(len(values)), values)
    assert [t.step for t in transitions(range(len(values)), scale * (values + shift))] == [
        t.step for t in plain
    ]


def test_agrees_with_what_is_found_online():
    values = staircase([3.0, 2.0, 1.2], 60, noise=0.05)
    detector = JumpDetector()
    online = [jump for i, v in enumerate(values) if (jump := detector.update(i, v))]
    offline = transitions(range(len(values)), values)
    assert [t.step for t in offline] == pytest.approx([jump.step for jump in online], abs=1)
    assert [t.after for t in offline] == pytest.approx([jump.after for jump in online], abs=0.05)


@pytest.mark.parametrize("values", [[], [1.0] * 15, [1.0] * 100, [float("nan")] * 100])
def test_too_little_to_tell(values):
    assert transitions(range(len(values)), values) == []


def test_values_that_are_not_finite_are_left_out():
    values = staircase([1.0, 2.0], 30)
    values[[3, 30, 31]] = np.nan
    assert [t.step for t in transitions(range(60), values)] == [32]


def test_a_missing_library_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ruptures", None)
    with pytest.raises(ImportError, match=r"ruptures: pip install 'lightning-symmetry\[report\]'"):
        transitions(range(60), staircase([1.0, 2.0], 30))


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="`values` must be as many as `steps`, found 1 and 2"):
        transitions([0, 1], [1.0])
