"""The same callbacks in several fits, of the same model and of others, and copies of them."""

import copy
import pickle

import lightning.pytorch
import pytest
import torch
from lightning.pytorch.callbacks import BatchSizeFinder, LearningRateFinder
from lightning.pytorch.tuner import Tuner
from torch import nn

from lightning_symmetry import RemoveSymmetry, SymmetryMonitor, Syre

from ..callbacks.runs import Batches, Memory, fit, monitored
from .watching import Small, monitors, same_weights


def states(used) -> list:
    return [callback.state_dict() for callback in used]


def test_a_second_fit_of_another_model_is_that_of_new_callbacks(quiet):
    used, fresh, logs = monitors(), monitors(), (Memory(), Memory())
    fit(Small(), used, quiet, max_steps=10)
    fit(Small(nn.Tanh, 5), used, quiet, max_steps=7, logger=logs[0])
    fit(Small(nn.Tanh, 5), fresh, quiet, max_steps=7, logger=logs[1])
    assert {(s.group, s.size) for s in used[0].symmetries} >= {("permutation", 5), ("sign", 5)}
    assert logs[0].rows == logs[1].rows
    for one, other in zip(states(used), states(fresh), strict=True):
        assert str(one) == str(other)


def test_a_new_fit_looks_again_however_short_the_one_before_was(quiet):
    used = monitors(every=50)
    for _ in range(2):
        trainer = fit(Small(), used, quiet, max_steps=2)
        assert used[0].last_step == used[1].last_step == 0 and monitored(trainer)
    assert used[2].state_dict()["losses"]["loss"][1] == 2


def test_a_trainer_that_goes_on_with_its_model_goes_on_watching(quiet):
    used, whole = monitors(), monitors()
    module = Small()
    trainer = fit(module, used, quiet, max_steps=7)
    trainer.fit_loop.epoch_loop.max_steps = 13
    trainer.fit(module)
    fit(Small(), whole, quiet, max_steps=13)
    assert [one.last_step for one in used[:2]] == [one.last_step for one in whole[:2]]
    looked = [[step for step, _ in one.state_dict()["looks"]] for one in (used[0], whole[0])]
    assert looked == [[0, 3, 6, 9, 12]] * 2


def test_given_symmetries_stay(quiet):
    first = SymmetryMonitor(strict=True)
    fit(Small(), [first], quiet, max_steps=1)
    given = first.symmetries
    monitor = SymmetryMonitor(symmetries=given, strict=True)
    for _ in range(2):
        fit(Small(), [monitor], quiet, max_steps=1)
        assert monitor.symmetries is given


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))], ids=["copy", "pickle"]
)
def test_copies_before_and_after_a_fit(copied, quiet):
    used = [copied(callback) for callback in monitors()]
    module = Small()
    fit(module, used, quiet, max_steps=7)
    again = [copied(callback) for callback in used]
    assert str(states(again)) == str(states(used))
    assert len(pickle.dumps(again[0])) < 50_000  # neither model nor Trainer are in it
    second = Small()
    fit(second, again, quiet, max_steps=7)
    same_weights(second, module)
    assert again[0].last_step == used[0].last_step


class Sized(Small):
    """Has the sizes and rates that a Tuner looks for."""

    batch_size = 16

    def train_dataloader(self):
        samples = [pair for x, y in Batches(8).batches for pair in zip(x, y, strict=True)]
        return torch.utils.data.DataLoader(samples, batch_size=self.batch_size)


def search_rate(tuner, module):
    tuner.lr_find(module, num_training=8)


def search_size(tuner, module):
    tuner.scale_batch_size(module, init_val=16, max_trials=1, steps_per_trial=1)


@pytest.mark.parametrize("search", [search_rate, search_size])
def test_what_a_tuner_tries_is_not_training(search, quiet):
    results = []
    for used in ([*monitors(), RemoveSymmetry(Syre())], [RemoveSymmetry(Syre())]):
        torch.manual_seed(3)
        module = Sized(lr=0.01)
        trainer = lightning.pytorch.Trainer(**{**quiet, "max_steps": 7}, callbacks=list(used))
        search(Tuner(trainer), module)
        untouched = [callback.state_dict() for callback in used]
        trainer.fit(module)
        results.append((module, untouched, used))
    (module, untouched, used), (plain, _, _) = results
    assert [untouched[0]["last_step"], untouched[1]["last_step"], untouched[2]["losses"]] == [None, None, {}]
    assert used[0].last_step == used[1].last_step == 6
    same_weights(module, plain)


@pytest.mark.parametrize(
    "finder",
    [
        lambda: LearningRateFinder(num_training_steps=8),
        lambda: BatchSizeFinder(init_val=16, max_trials=1, steps_per_trial=1),
    ],
    ids=["rate", "size"],
)
def test_a_finder_among_the_callbacks(finder, quiet):
    plain, front, behind = Sized(lr=0.01), monitors(), monitors()
    fit(plain, [finder(), RemoveSymmetry(Syre())], quiet, max_steps=7)
    for used in (front, behind):
        others, module = [finder(), RemoveSymmetry(Syre())], Sized(lr=0.01)
        fit(module, [*used, *others] if used is front else [*others, *used], quiet, max_steps=7)
        same_weights(module, plain)
        assert used[0].last_step == used[1].last_step == 6
        assert [step for step, _ in used[0].state_dict()["looks"]] == [0, 3, 6]
