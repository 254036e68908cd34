import json

import numpy as np
import pytest

from lightning_symmetry.stages import StageTracker, Transition

UNITS = "symmetry/distinct_units/net.0.permutation"
DEAD = "symmetry/dead_units/net.2.permutation"


def staircase(*levels, width=20):
    return np.repeat(np.asarray(levels, float), width).tolist()


def track(columns, tracker=None, every=5):
    tracker = StageTracker(window=20) if tracker is None else tracker
    for i, row in enumerate(zip(*columns.values(), strict=True)):
        tracker.update(i * every, dict(zip(columns, row, strict=True)))
    return tracker


def test_names_what_broke_and_what_was_restored():
    columns = {
        UNITS: staircase(1, 1, 8, 8),
        DEAD: staircase(0, 0, 0, 3),
        "train_loss": staircase(3, 2, 2, 2.5),
        "symmetry/effective_rank": staircase(5, 5, 5, 2),
    }
    assert track(columns).transitions == (
        Transition(100, "loss", "train_loss", "fell", 3.0, 2.0),
        Transition(200, "net.0.permutation", "distinct_units", "broken", 1.0, 8.0),
        Transition(300, "net.2.permutation", "dead_units", "restored", 0.0, 3.0),
        Transition(300, "loss", "train_loss", "rose", 2.0, 2.5),
        Transition(300, "model", "effective_rank", "restored", 5.0, 2.0),
    )
    assert track(columns).stage == 3


def test_jumps_within_a_window_are_one_change_of_stage():
    late = [*staircase(1)[4:], *staircase(8, 8), *staircase(8)[:4]]
    columns = {UNITS: staircase(1, 8, 8), "loss": late}
    apart = [t.step for t in track(columns).transitions]
    assert sorted(apart) == [80, 100]
    assert track(columns).stage == 1
    assert track(columns, StageTracker(window=19)).stage == 2


def test_what_says_nothing_about_breaking_is_passed_over():
    nothing = {"symmetry/noether_imbalance/a": staircase(0, 1), "symmetry/stage": staircase(0, 1)}
    tracker = track(nothing)
    assert tracker.transitions == () and tracker.stage == 0
    assert tracker.state_dict()["detectors"] == {}


def test_collapse_is_measured_against_the_largest_value():
    tracker = track({UNITS: staircase(16, 64, 64, 20), DEAD: staircase(0, 0, 9, 40)})
    broken, dead, restored, more = tracker.transitions
    assert tracker.has_collapsed(restored, 0.5) and not tracker.has_collapsed(restored, 0.25)
    assert not any(tracker.has_collapsed(each, 0.99) for each in (broken, dead, more))


def test_goes_on_from_its_state():
    columns = {UNITS: staircase(1, 8, 3), "loss": staircase(3, 3, 1), DEAD: staircase(0, 4, 4)}
    whole = track(columns)
    for cut in range(0, 60, 7):
        first, second = StageTracker(window=20), StageTracker(window=20)
        track({key: values[:cut] for key, values in columns.items()}, first)
        second.load_state_dict(json.loads(json.dumps(first.state_dict())))
        for i in range(cut, 60):
            second.update(i * 5, {key: values[i] for key, values in columns.items()})
        assert second.transitions == whole.transitions
        assert second.state_dict() == whole.state_dict()


def test_memory_does_not_grow():
    values = staircase(*([1, 5] * 30), width=10)
    tracker = track({"loss": values}, StageTracker(window=1, kept=4))
    assert tracker.stage == 59
    assert [t.step for t in tracker.transitions] == [2800, 2850, 2900, 2950]
    state = tracker.state_dict()
    assert len(state["changes"]) == len(state["transitions"]) == 4


def test_a_transition_is_plain_data():
    transition = Transition.of(UNITS, 40, 1.0, 8.0)
    assert transition.key == UNITS
    assert Transition.from_dict(json.loads(json.dumps(transition.to_dict()))) == transition
    for key in ("loss", "symmetry/unbroken", DEAD):
        assert Transition.of(key, 0, 0.0, 1.0).key == key


@pytest.mark.parametrize("key", ["symmetry/noether_imbalance/x", "symmetry/stage"])
def test_a_jump_that_means_nothing_is_refused(key):
    with pytest.raises(ValueError, match=f"`key` must not be one that says nothing .* found '{key}'"):
        Transition.of(key, 0, 0.0, 1.0)


def test_arguments_are_checked():
    with pytest.raises(ValueError, match="`window` must not be negative, found -1"):
        StageTracker(window=-1)
    with pytest.raises(ValueError, match="`kept` must be at least 1, found 0"):
        StageTracker(window=1, kept=0)
