import json
import subprocess
import sys
from pathlib import Path

import lightning.pytorch
import pytest
import pytorch_lightning
import torch
from lightning.pytorch.cli import LightningCLI
from lightning.pytorch.demos.boring_classes import BoringModel
from pytorch_lightning.cli import LightningCLI as StandaloneCLI
from pytorch_lightning.demos.boring_classes import BoringModel as StandaloneModel

from lightning_symmetry._compat import Callback, raw_optimizer

NAMES = [lightning.pytorch, pytorch_lightning]
both_names = pytest.mark.parametrize("package", NAMES, ids=["lightning", "pytorch_lightning"])


class CountSteps(Callback):
    steps = 0

    def __init__(self, every: int = 1) -> None:
        self.every = every

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        CountSteps.steps += self.every


@pytest.mark.parametrize(("package", "model"), [(NAMES[0], BoringModel), (NAMES[1], StandaloneModel)])
def test_callback_runs_in_the_trainer_of_both_names(package, model, quiet, monkeypatch):
    monkeypatch.setattr(CountSteps, "steps", 0)
    callback = CountSteps()
    assert isinstance(callback, package.Callback)
    trainer = package.Trainer(callbacks=[callback], max_steps=2, **quiet)
    trainer.fit(model())
    assert CountSteps.steps == 2


@pytest.mark.parametrize(("cli", "model"), [(LightningCLI, BoringModel), (StandaloneCLI, StandaloneModel)])
def test_callback_is_configured_by_the_command_line_of_both_names(cli, model, quiet, tmp_path, monkeypatch):
    monkeypatch.setattr(CountSteps, "steps", 0)
    monkeypatch.setitem(sys.modules, "compat_callback", sys.modules[__name__])
    callback = {"class_path": "compat_callback.CountSteps", "init_args": {"every": 10}}
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"trainer": {"callbacks": [callback], "max_steps": 2, **quiet}}))
    monkeypatch.setattr(sys, "argv", ["program", "fit", "--config", str(config)])
    cli(model, save_config_callback=None, seed_everything_default=False)
    assert CountSteps.steps == 20


def test_callback_needs_only_one_of_the_names():
    code = (
        "import sys; sys.modules['pytorch_lightning'] = None\n"
        "import lightning.pytorch; from lightning_symmetry._compat import Callback\n"
        "assert Callback.__bases__ == (lightning.pytorch.Callback,)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


@both_names
def test_raw_optimizer_unwraps(package):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])
    assert raw_optimizer(optimizer) is optimizer
    assert raw_optimizer(package.core.optimizer.LightningOptimizer(optimizer)) is optimizer
