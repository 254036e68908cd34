"""Short versions of the long training and of the one that is killed."""

import pytest

from benchmarks.reliability import kill_resume, soak
from benchmarks.reliability.footprint import MEMORY, STATE, TRANSITIONS
from benchmarks.reliability.life import Plan
from lightning_symmetry.demo.quiet import quiet

A_TRANSITION = 6
"""Numbers and texts that are remembered of it."""


def test_nothing_grows_but_what_is_remembered_of_transitions():
    with quiet():
        found = {one.name: one for one in soak.growths(soak.samples(200, 20))}
    assert found[TRANSITIONS].second > found[TRANSITIONS].first > 0
    remembered = found[TRANSITIONS].second - found[TRANSITIONS].first
    stages = (found[STATE].second - found[STATE].first) - A_TRANSITION * remembered
    assert 0 <= stages <= remembered
    timed = {MEMORY, soak.PLAIN_STEP, soak.LOOK}  # a machine that tests share tells nothing about these
    assert not [name for name, one in found.items() if one.grows and name not in {TRANSITIONS, STATE, *timed}]


def test_growth_is_seen():
    samples = [{MEMORY: 100.0 + number, "hooks": 2.0} for number in range(50)]
    memory, hooks = soak.growths(samples)
    assert memory.grows and not hooks.grows
    assert soak.growths([{"hooks": 2.0 + (number > 40)} for number in range(50)])[0].grows


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Plan:
    plan = Plan(tmp_path_factory.mktemp("whole"), steps=14)
    kill_resume.finish(plan)
    return plan


def test_a_training_that_is_killed_ends_as_if_it_never_was(whole, tmp_path):
    killed = Plan(tmp_path, whole.steps)
    kill_resume.kill(killed, times=2, seed=0)
    kill_resume.finish(killed)
    result = kill_resume.compare(whole, killed)
    assert result.is_exact and result.compared > 0


def test_a_difference_is_seen(whole, tmp_path):
    other = Plan(tmp_path, whole.steps, removing=False)
    kill_resume.finish(other)
    result = kill_resume.compare(whole, other)
    assert not result.is_exact and result.weights > 0 and result.different > 0
