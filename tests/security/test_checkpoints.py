"""A checkpoint is numbers and texts: it needs nobody's code, and runs nobody's."""

import inspect
import pickle
import subprocess
import sys

import lightning.pytorch
import pytest
import torch

from lightning_symmetry import (
    AddSymmetry,
    GroupGate,
    Hadamard,
    RemoveSymmetry,
    RepresentationMonitor,
    Schedule,
    StageDetector,
    SymmetryMonitor,
    Syre,
)
from lightning_symmetry.cli import main

from ..callbacks.runs import Classifier, fit

ELSEWHERE = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"lightning_symmetry", "lightning", "pytorch_lightning"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Absent())
import torch
from torch import nn
plain = nn.ModuleDict({"model": nn.Sequential(
    nn.Linear(6, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2),
    nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3),
)})
for path in sys.argv[1:]:
    checkpoint = torch.load(path, weights_only=True)
    plain.load_state_dict(checkpoint["state_dict"], strict=True)
    print(len(checkpoint["callbacks"]))
"""


SAYS_HOW_TO_LOAD = "weights_only" in inspect.signature(lightning.pytorch.Trainer.fit).parameters


class Decaying(Classifier):
    """With the weight decay that steering acts through."""

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-2)


def callbacks():
    return [
        SymmetryMonitor(every_n_steps=2, max_overhead=None, strict=True),
        RepresentationMonitor(every_n_steps=2, batches=1, max_overhead=None, strict=True),
        StageDetector(every_n_steps=2, strict=True),
        RemoveSymmetry(Syre(std=0.1)),
    ]


def adding(schedule=None):
    """All callbacks, of which one adds symmetries to the first layer and the last."""
    config = {"model.0.weight": Hadamard(), "model.6.weight": GroupGate(), "*": None}
    return [*callbacks(), AddSymmetry(config, schedule=schedule)]


RUNS = {
    "observed and removed": callbacks,
    "added": adding,
    "added for a while": lambda: adding(Schedule(on=2)),
    "added and taken off": lambda: adding(Schedule(on=2, off=2)),
}


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Written in trainings with callbacks, in the order of the runs."""
    folder = tmp_path_factory.mktemp("run")
    quiet = {
        "accelerator": "cpu",
        "logger": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    quiet |= {"enable_checkpointing": False, "limit_val_batches": 0, "default_root_dir": str(folder)}
    paths = [folder / f"{name}.ckpt" for name in RUNS]
    for given, path in zip(RUNS.values(), paths, strict=True):
        fit(Decaying(), given(), quiet, max_steps=6).save_checkpoint(path)
    return paths


def test_checkpoints_need_neither_this_package_nor_lightning(checkpoints):
    command = [sys.executable, "-c", ELSEWHERE, *map(str, checkpoints)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["4", "5", "5", "5"]


def test_checkpoints_name_no_code_of_ours(checkpoints):
    for path in checkpoints:
        unsafe = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        assert not [name for name in unsafe if "lightning" in name]


def test_a_plain_checkpoint_resumes_with_every_callback(quiet, tmp_path):
    fit(Decaying(), [], quiet, max_steps=4).save_checkpoint(tmp_path / "plain.ckpt")
    given = callbacks()
    trainer = fit(Decaying(), given, quiet, max_steps=8, ckpt_path=tmp_path / "plain.ckpt")
    assert trainer.global_step == 8
    assert given[0].last_step == 8


@pytest.mark.parametrize("schedule", [None, Schedule(on=6)])
def test_a_plain_checkpoint_resumes_with_symmetries_to_be_added(schedule, quiet, tmp_path):
    plain = fit(Decaying(), [], quiet, max_steps=4)
    plain.save_checkpoint(tmp_path / "plain.ckpt")
    trainer = fit(Decaying(), adding(schedule), quiet, max_steps=8, ckpt_path=tmp_path / "plain.ckpt")
    assert trainer.global_step == 8
    assert "model.0.weight_factors.factor0" in dict(trainer.lightning_module.named_parameters())


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


@pytest.mark.skipif(not SAYS_HOW_TO_LOAD, reason="older versions of Lightning do not ask how to load")
def test_a_checkpoint_that_would_run_code_is_refused(quiet, tmp_path):
    mark = tmp_path / "mark"
    state = fit(Decaying(), [], quiet, max_steps=2)
    state.save_checkpoint(tmp_path / "good.ckpt")
    bad = torch.load(tmp_path / "good.ckpt", weights_only=True)
    for one in callbacks():
        bad["callbacks"][one.state_key] = Bomb(mark)
    torch.save(bad, tmp_path / "bad.ckpt")
    trainer = lightning.pytorch.Trainer(**{**quiet, "max_steps": 4, "callbacks": callbacks()})
    with pytest.raises(pickle.UnpicklingError):
        trainer.fit(Decaying(), ckpt_path=tmp_path / "bad.ckpt", weights_only=True)
    assert not mark.exists()


def test_inspect_does_not_unpickle_what_is_named_to_it(tmp_path, capsys):
    mark = tmp_path / "mark"
    torch.save({"model": Bomb(mark)}, tmp_path / "model.pt")
    assert main(["inspect", f"{tmp_path / 'model.pt'}:model", "--input", "2x3"]) == 2
    assert "cannot import" in capsys.readouterr().err
    assert not mark.exists()


def test_inspect_says_that_it_runs_what_is_named(capsys):
    with pytest.raises(SystemExit):
        main(["inspect", "--help"])
    assert "name only code that you trust" in " ".join(capsys.readouterr().out.split())
