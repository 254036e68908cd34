"""When it is on, how strongly, and what is remembered of it."""

import pytest

from lightning_symmetry import OnMetric, OnTransition, Schedule
from lightning_symmetry.callbacks._steering.switch import KEPT, Switch
from lightning_symmetry.stages import Transition

EVENT = OnMetric(above=0.5)


def follow(switch, steps, causes=()):
    """Strength at each step, where the event that is awaited happens at some of them."""
    strengths = []
    for step in steps:
        switch.update(step, dict(causes).get(step))
        strengths.append(switch.strength(step))
    return strengths


def test_is_on_from_the_first_step_on_by_default():
    switch = Switch(Schedule())
    assert follow(switch, range(3)) == [1, 1, 1]
    assert switch.history == ((0, "on", "on=0"),)


def test_a_ramp_that_is_cut_short_goes_back_from_where_it_was():
    switch = Switch(Schedule(on=1, off=2, ramp=4))
    assert follow(switch, range(7)) == [0, 0, 0.25, 0.5, 0.25, 0, 0]
    assert [switch.is_active(6), switch.is_on] == [False, False]


def test_it_is_active_as_long_as_it_fades():
    switch = Switch(Schedule(on=0, off=2, ramp=2))
    follow(switch, range(4))
    assert (switch.is_on, switch.is_active(3), switch.is_active(4)) == (False, True, False)


def test_an_event_turns_it_on_again_and_a_number_does_not():
    causes = {1: "risk", 5: "risk"}
    again, once = Switch(Schedule(on=EVENT, off=2)), Switch(Schedule(on=1, off=2))
    assert follow(again, range(9), causes) == [0, 1, 1, 0, 0, 1, 1, 0, 0]
    assert follow(once, range(9), causes) == [0, 1, 1, 0, 0, 0, 0, 0, 0]
    assert [step for step, _, _ in again.history] == [1, 3, 5, 7]


def test_it_waits_for_one_event_at_a_time():
    switch = Switch(Schedule(on=EVENT, off=OnTransition("loss", "fell")))
    assert switch.awaited == EVENT
    switch.update(3, "risk")
    assert switch.awaited == OnTransition("loss", "fell")


@pytest.mark.parametrize("stop", range(9))
def test_another_switch_goes_on_where_one_was(stop):
    schedule, causes = Schedule(on=EVENT, off=3, ramp=2), {1: "risk", 5: "risk"}
    whole, first, second = (Switch(schedule) for _ in range(3))
    expected = follow(whole, range(9), causes)
    found = follow(first, range(stop), causes)
    second.load_state_dict(first.state_dict())
    assert found + follow(second, range(stop, 9), causes) == expected
    assert second.history == whole.history


def test_steps_that_are_counted_by_twos_are_not_missed():
    switch = Switch(Schedule(on=3, off=3))
    assert follow(switch, range(0, 10, 2)) == [0, 0, 1, 1, 0]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"on": -1}, ValueError, "`on` must be at least 0, found -1"),
        ({"on": None}, TypeError, "`on` must be a number of steps or an event, found None"),
        ({"on": True}, TypeError, "`on` must be a number of steps or an event, found True"),
        ({"off": 0}, ValueError, "`off` must be at least 1, found 0"),
        ({"off": 2.5}, TypeError, "`off` must be a number of steps, an event or None, found 2.5"),
        ({"ramp": EVENT}, TypeError, "`ramp` must be a number of steps, found OnMetric"),
        ({"ramp": -2}, ValueError, "`ramp` must be at least 0, found -2"),
    ],
)
def test_schedules_are_checked(arguments, error, match):
    with pytest.raises(error, match=match):
        Schedule(**arguments)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: OnMetric(), "exactly one of `above` and `below` must be given, found None and None"),
        (
            lambda: OnMetric(above=1, below=0),
            "exactly one of `above` and `below` must be given, found 1 and 0",
        ),
        (lambda: OnMetric(below=float("nan")), "`below` must be finite, found nan"),
        (
            lambda: OnMetric(above=1, every_n_steps=0),
            "`every_n_steps` must be an integer of at least 1, found 0",
        ),
        (lambda: OnTransition(direction="up"), "`direction` must be one of .*, found 'up'"),
    ],
)
def test_events_are_checked(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_what_is_not_a_number_is_beyond_nothing():
    assert not OnMetric(above=0).happened(float("nan"))
    assert not OnMetric(below=0).happened(float("nan"))
    assert OnMetric(below=0).happened(-1)


def test_a_transition_has_a_quantity_and_a_direction():
    fall = Transition.of("loss", 9, 2.0, 1.0)
    assert OnTransition().happened(fall) and OnTransition("lo*", "fell").happened(fall)
    assert not OnTransition("loss", "rose").happened(fall)
    assert not OnTransition("distinct_units").happened(fall)


def test_the_last_switchings_are_remembered():
    switch = Switch(Schedule(on=EVENT, off=EVENT))
    for step in range(KEPT + 2):
        assert switch.update(step, "again")
    assert len(switch.history) == KEPT
    assert switch.history[-1][0] == KEPT + 1 and switch.history[0][0] == 2
