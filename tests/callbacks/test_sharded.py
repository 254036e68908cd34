"""Two processes measure what one measures, and go the same way when one of them fails."""

from functools import cache

import pytest
import torch.distributed.fsdp
from torch.utils._pytree import tree_flatten_with_path

from ..processes import free_ports, in_two_processes
from .saved import END, MIDDLE, callbacks, run, save_and_resume
from .sharded import Replicated, Tokens, representation_monitors, train, work

pytestmark = pytest.mark.skipif(
    not hasattr(torch.distributed.fsdp, "fully_shard"), reason="older versions of torch keep it elsewhere"
)
LAUNCHES, LAUNCHES_OF_SAVED = 11, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder for checkpoints."""
    return tmp_path_factory.mktemp("sharded")


@pytest.fixture(scope="module")
def both(folder):
    """What each of two processes does; before, one process alone has left a checkpoint."""
    train(Replicated(), max_steps=3, save=folder / "one.ckpt")
    run(MIDDLE, callbacks(), save=folder / "alone.ckpt")
    return in_two_processes(both_works, free_ports(LAUNCHES), free_ports(LAUNCHES_OF_SAVED), str(folder))


def both_works(rank, ports, ports_of_saved, folder):
    """Be one of two processes."""
    found = work(rank, ports, folder)
    return found | {"saved": save_and_resume(rank, ports_of_saved, folder)}


@pytest.fixture(scope="module")
def alone():
    """What one process does."""
    return train(Replicated())


@pytest.mark.parametrize("case", ["Replicated", "Split", "Sharded"])
def test_processes_see_what_one_sees(case, both, alone):
    assert {"symmetry/growth_rate", "symmetry/orbit_leak", "symmetry/charge_drift"} <= alone.logged.keys()
    assert not both[0][case].warned
    for found in (each[case] for each in both):
        assert found.symmetries == alone.symmetries
        assert found.logged.keys() == alone.logged.keys()
        for key, value in alone.logged.items():
            assert found.logged[key] == pytest.approx(value, rel=1e-6, abs=1e-6), key
        assert found.offsets == alone.offsets
    assert both[0][case].logged == both[1][case].logged


def test_uneven_batches_and_numbers_that_are_not_finite_keep_processes_together(both):
    one, other = (each["Uneven"] for each in both)
    assert one.logged.keys() == other.logged.keys()
    assert (one.steps, other.steps, one.warned, other.warned) == (6, 6, [], [])


def test_a_failure_in_the_middle_of_a_look_switches_all_off(both):
    one, other = (each["broken"] for each in both)
    assert (one.steps, other.steps) == (6, 6)
    (warning,) = one.warned
    assert "process 1: ArithmeticError: the second space is broken here" in warning
    assert not other.warned  # said once
    assert (one.error, other.error) == (None, None)


def test_strict_raises_in_all_processes(both):
    one, other = (each["strict"] for each in both)
    assert (one.steps, other.steps) == (2, 2)
    assert one.error.startswith("FailedTogetherError: process 1: ArithmeticError")
    assert other.error == "ArithmeticError: the second space is broken here"


def test_a_process_without_data_switches_all_off(both):
    one, other = (each["without data"] for each in both)
    assert "process 1: LookupError: this process has no batch" in one.warned[0]
    assert (one.steps, other.steps) == (6, 6)
    assert "symmetry/dead_units" not in one.logged | other.logged


def test_a_process_that_finds_nothing_takes_over_what_the_other_finds(both, alone):
    for found in (each["unsure"] for each in both):
        assert (found.symmetries, found.warned) == (alone.symmetries, [])
    assert both[0]["unsure"].logged == both[1]["unsure"].logged


def test_a_run_goes_on_with_another_number_of_processes(both, folder):
    uninterrupted = train(Replicated(), max_steps=9, save=folder / "uninterrupted.ckpt")
    resumed = train(Replicated(), max_steps=9, resume=folder / "two.ckpt", save=folder / "resumed.ckpt")
    assert both[0]["resumed"].looked == 6
    assert resumed.steps == uninterrupted.steps == 9
    for key, value in uninterrupted.logged.items():
        assert resumed.logged[key] == pytest.approx(value, rel=1e-6, abs=1e-6), key
    assert resumed.read == uninterrupted.read == 8


@cache
def whole(adding):
    """What one process does without a break."""
    return run(END, callbacks(adding))


@pytest.mark.parametrize("case", ["two by two", "one by two", "two by one", "added"])
def test_a_sharded_run_goes_on_as_if_it_had_not_stopped(case, both):
    uninterrupted = whole(case == "added")
    assert uninterrupted.states["RemoveSymmetry"]["schedule"]["history"]
    for found in (each["saved"][case] for each in both if case in each["saved"]):
        assert (found.steps, found.looked) == (uninterrupted.steps, uninterrupted.looked)
        assert (found.offsets, found.lacking) == (uninterrupted.offsets, [])
        for part in ("weights", "logged", "states"):
            assert_close(getattr(found, part), getattr(uninterrupted, part))


def assert_close(one, other):
    """Assert that two trees of plain values are the same but for rounding."""
    leaves, others = (dict(tree_flatten_with_path(tree)[0]) for tree in (one, other))
    assert leaves.keys() == others.keys()
    for path, expected in others.items():
        near = pytest.approx(expected, 1e-6, 1e-6) if isinstance(expected, float) else expected
        assert leaves[path] == near, path


def test_a_sharded_checkpoint_needs_no_callbacks_and_callbacks_need_none(both):
    without, later = both[0]["saved"]["without"], both[0]["saved"]["with"]
    assert without.steps == MIDDLE + 1
    for name in ("StageDetector", "SymmetryMonitor", "RepresentationMonitor", "RemoveSymmetry"):
        assert name in without.lacking[0]
    assert (later.steps, later.lacking) == (MIDDLE + 3, [])
    assert later.looked == [MIDDLE + 2, MIDDLE + 1, MIDDLE + 1]


@pytest.mark.parametrize(("case", "network"), [("split layers", Replicated), ("split tokens", Tokens)])
def test_layers_that_are_split_are_measured_whole(case, network, both):
    alone = train(network(), callbacks=representation_monitors()[:1])
    assert {"symmetry/alignment_forward_gz/model.2", "symmetry/feature_rank/model.3"} <= alone.logged.keys()
    for found in (each[case] for each in both):
        assert (found.error, found.logged.keys()) == (None, alone.logged.keys())
        for key, value in alone.logged.items():
            assert found.logged[key] == pytest.approx(value, rel=1e-5, abs=1e-6), key


def test_parts_that_look_like_a_whole_are_refused(both):
    (warning,) = both[0]["split layers"].warned
    assert "see all features, found 'model.1'" in warning
