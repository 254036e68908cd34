"""Whatever a checkpoint holds, what goes on from it refuses it, as it was, or begins anew."""

import warnings
from functools import cache
from tempfile import TemporaryDirectory

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from lightning_symmetry import (
    AddSymmetry,
    GroupGate,
    OnMetric,
    RemoveSymmetry,
    RepresentationMonitor,
    Schedule,
    StageDetector,
    SymmetryMonitor,
    Syre,
)
from lightning_symmetry.stages import JumpDetector, StageTracker, Transition

from ..callbacks.runs import fit
from ..training.watching import Small
from .damage import damaged
from .documented import check
from .each import each
from .effort import effort
from .hostile import anything, numbers

OBSERVING = {
    "symmetries": lambda: SymmetryMonitor(2, max_overhead=None),
    "representations": lambda: RepresentationMonitor(every_n_steps=2, batches=1, max_overhead=None),
    "stages": lambda: StageDetector(1),
}
STEERING = {
    "removal": lambda: RemoveSymmetry(Syre(), schedule=Schedule(OnMetric(above=-1.0, every_n_steps=2))),
    "addition": lambda: AddSymmetry({"*weight": GroupGate()}, schedule=Schedule(on=1)),
}


def go_on(one, state) -> bool:
    """Load a state; if it is refused, all is as before, and else it can be written again."""
    before = str(one.state_dict())
    try:
        one.load_state_dict(state)
    except ValueError as error:
        assert "must" in str(error)
        assert str(one.state_dict()) == before
        return False
    one.state_dict()
    return True


def jumping(one, add) -> None:
    """Take in two jumps."""
    for step in range(60):
        add(one, 100 + step, [1.0, 8.0, 2.0][step // 20] + 0.1 * (step % 3))


def add_point(detector, step, value) -> None:
    detector.update(step, value)


def add_points(tracker, step, value) -> None:
    for found in tracker.update(step, {"loss": value, "symmetry/distinct_units/0.permutation": value}):
        tracker.has_collapsed(found, 0.5)


SERIES = {
    JumpDetector.load_state_dict: (JumpDetector, add_point),
    StageTracker.load_state_dict: (lambda: StageTracker(5), add_points),
}


@cache
def state_of(made, add):
    one = made()
    jumping(one, add)
    return one.state_dict()


@each("load", [JumpDetector.load_state_dict, StageTracker.load_state_dict])
@effort(80)
@given(data=st.data())
def test_a_series_goes_on_from_what_is_accepted(load, data):
    made, add = SERIES[load]
    one = made()
    if go_on(one, data.draw(damaged(state_of(made, add), st.one_of(numbers, anything)))):
        jumping(one, add)
        assert go_on(made(), one.state_dict())


@each("read", [Transition.from_dict])
@effort(40)
@given(fields=damaged({"fields": Transition.of("loss", 3, 1.0, 2.0).to_dict()}))
def test_a_transition_that_was_written(read, fields):
    check(read, lambda: read(fields.get("fields")))


@cache
def written() -> dict[str, dict]:
    """What callbacks wrote into a checkpoint, by their names here."""
    used = {name: make() for name, make in (OBSERVING | STEERING).items()}
    quiet = {"accelerator": "cpu", "logger": False, "enable_checkpointing": False, "limit_val_batches": 0}
    quiet |= {"enable_progress_bar": False, "enable_model_summary": False}
    with TemporaryDirectory() as folder:
        trainer = fit(Small(), list(used.values()), quiet, max_steps=5, default_root_dir=folder)
        trainer.save_checkpoint(f"{folder}/all.ckpt")
        states = torch.load(f"{folder}/all.ckpt", weights_only=True)["callbacks"]
    return {name: states[one.state_key] for name, one in used.items()}


@each("load", [SymmetryMonitor.load_state_dict])
@pytest.mark.parametrize("name", OBSERVING)
@effort(40)
@given(data=st.data())
def test_a_monitor_goes_on_or_begins_anew(load, name, data):
    make, state = OBSERVING[name], data.draw(damaged({"all": written()[name]})).get("all")
    one = make()
    assert type(one).load_state_dict is load
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        one.load_state_dict(state)
    strict = make()
    strict.strict = True
    told = [w for w in said if "begins anew, its state is damaged: " in str(w.message)]
    assert len(told) == (not go_on(strict, state))
    if told:
        assert str(one.state_dict()) == str(make().state_dict())


@pytest.mark.filterwarnings("ignore:The checkpoint was trained by")
@each("load", [RemoveSymmetry.load_state_dict])
@pytest.mark.parametrize("name", STEERING)
@effort(40)
@given(data=st.data())
def test_steering_goes_on_or_is_refused(load, name, data):
    one = STEERING[name]()
    assert type(one).load_state_dict is load
    go_on(one, data.draw(damaged({"all": written()[name]})).get("all"))
