"""Short versions of the long training and of the one that is killed."""

import os
import shutil

import pytest
import torch

from benchmarks.reliability import kill_resume, killing, soak
from benchmarks.reliability.footprint import MEMORY, STATE, TRANSITIONS
from benchmarks.reliability.journal import Journal
from benchmarks.reliability.life import Plan
from benchmarks.reliability.signs import DOINGS
from lightning_symmetry.demo.quiet import quiet

A_TRANSITION = 6
"""Numbers and texts that are remembered of it."""


def test_nothing_grows_but_what_is_remembered_of_transitions():
    with quiet(), torch.random.fork_rng():
        torch.manual_seed(0)  # dropout decides how many points detectors still think about
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
    killing.finish(plan)
    return plan


def test_a_training_that_is_killed_ends_as_if_it_never_was(whole, tmp_path):
    killed = Plan(tmp_path, whole.steps)
    hit = killing.kill(killed, times=2, seed=0)
    killing.finish(killed)
    result = kill_resume.compare(whole, killed)
    assert result.is_exact and result.compared > 0
    assert sum(hit[doing] for doing in DOINGS) == 2


def test_what_a_kill_leaves_of_a_line_is_cut_off(tmp_path):
    path = tmp_path / "journal.csv"
    path.write_text("1,loss,0x1.0p+0\n2,lo")
    Journal(path).log_metrics({"loss": 2.0}, 2)
    assert path.read_text().splitlines() == ["1,loss,0x1.0p+0", "2,loss,0x1.0000000000000p+1"]


def test_a_difference_is_seen(whole, tmp_path):
    other = Plan(shutil.copytree(whole.folder, tmp_path / "other"), whole.steps)
    assert kill_resume.compare(whole, other).is_exact
    weights = torch.load(other.weights, weights_only=True)
    next(iter(weights.values())).view(-1)[0] += 0.5
    torch.save(weights, other.weights)
    with other.journal.open("r+") as file:
        place = file.readline().rpartition(",")[0]
        file.seek(0, os.SEEK_END)
        file.write(f"{place},0x1.0p+90\n9,unheard of,0x1.0p+0\n")
    result = kill_resume.compare(whole, other)
    assert result.weights == pytest.approx(0.5)
    assert not result.is_exact and result.different == 1 and result.missing >= 1
