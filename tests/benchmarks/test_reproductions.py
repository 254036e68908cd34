"""The framework of the reproductions: what is found is written, kept and shown as it is."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn

from benchmarks.reproductions import catalogue, command
from benchmarks.reproductions.drawing import draw
from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.page import page
from benchmarks.reproductions.record import Record, read
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry._compat import LightningModule


def figure(holds: bool) -> Figure:
    return Figure("loss", estimate([1.0, 2.0]), "1.4, within 1", holds)


def record(outcome: Outcome) -> Record:
    return Record("lasso", "A claim.", "A paper", outcome, seeds=2, full=False, seconds=3.0, machine="here")


def test_an_interval_is_that_of_scipy():
    values = [0.3, 1.2, 0.7, 2.0]
    low, high = stats.t.interval(0.95, 3, loc=np.mean(values), scale=stats.sem(values))
    found = estimate(values)
    assert (found.mean, found.low, found.high) == pytest.approx((np.mean(values), low, high), rel=1e-12)
    assert str(estimate([5.0])) == "5"
    with pytest.raises(ValueError, match="at least one number"):
        estimate([])


@pytest.mark.parametrize(
    ("holds", "verdict"),
    [((True, True), "reproduced"), ((True, False), "partly"), ((False, False), "not reproduced")],
)
def test_a_verdict_follows_from_the_figures(holds, verdict):
    assert Outcome([figure(each) for each in holds]).verdict == verdict


def test_a_record_comes_back_from_its_file(tmp_path):
    panel = Panel("t", "x", "y", [Line("a", [1.0, 2.0], [np.float64(3.0), torch.tensor(4.0)])], log="x")
    written = record(Outcome([figure(True)], [Control("noise", estimate([1.0]))], [panel], "remark"))
    written.save(tmp_path)
    found = read(tmp_path / "lasso.json")
    assert json.loads((tmp_path / "lasso.json").read_text())["verdict"] == "reproduced"
    assert found.outcome.figures == written.outcome.figures
    assert found.outcome.controls == list(written.outcome.controls)
    assert found.outcome.panels[0].lines[0].y == [3.0, 4.0]


def test_a_page_shows_every_figure_under_its_theme(tmp_path):
    shown = record(
        Outcome([figure(True), figure(False)], [Control("noise", estimate([7.0]))], remarks="But.")
    )
    draw(shown, tmp_path)
    assert not list(tmp_path.iterdir())
    text = page({"lasso": shown}, {"lasso": "adding", "missing": "merging"}, "results")
    assert "## Adding symmetries" in text and "## Merging" not in text
    assert "| loss | 1.5 (-4.85 to 7.85) | 1.4, within 1 | yes |" in text
    assert "| loss | 1.5 (-4.85 to 7.85) | 1.4, within 1 | **no** |" in text
    assert "| noise | 7 | | |" in text and "**Partly**" in text and "But." in text


def test_every_name_has_a_reproduction_with_a_source():
    assert list(dict.fromkeys(catalogue.themes().values())) == [
        theme for theme in catalogue.THEMES if theme in catalogue.themes().values()
    ]
    for name in catalogue.themes():
        found = catalogue.load(name)
        assert found.claim.endswith(".") and found.source, name
        assert found.seeds >= 1 and found.size(full=True).seeds == found.full_seeds


class Quadratic(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 1)

    def training_step(self, batch, batch_idx):
        loss = self.linear(batch[0]).square().mean()
        self.log("loss", loss)
        return loss

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), 0.1)


def test_a_training_depends_on_its_seed_alone_and_leaves_the_random_state():
    state = torch.get_rng_state()
    batches = [(torch.ones(2, 3),), (torch.zeros(2, 3),)]
    runs = [train(Quadratic, batches, 5, seed=seed) for seed in (1, 1, 2)]
    weights = [module.linear.weight for module, _ in runs]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])
    assert len(runs[0][1]["loss"].values) == 5
    assert torch.equal(torch.get_rng_state(), state)


def test_the_last_step_of_a_training_is_logged():
    _, curves = train(Quadratic, [(torch.ones(2, 3),)], 6, log_every_n_steps=3)
    assert curves["loss"].steps == (2, 5)
    with pytest.raises(ValueError, match="`log_every_n_steps` must divide the 6 steps, found 4"):
        train(Quadratic, [(torch.ones(2, 3),)], 6, log_every_n_steps=4)


class Failing(Exception):
    pass


def test_a_failure_keeps_the_others_and_is_told(tmp_path, monkeypatch, capsys):
    def reproduced(name, full):
        if name == "broken":
            raise Failing(name)
        return record(
            Outcome([figure(True)], panels=[Panel("t", "x", "y", [Line("a", [1], [2], marks=True)])])
        )

    class Pool:
        def __init__(self, jobs, **kwargs) -> None:
            assert kwargs["max_tasks_per_child"] == 1

        def __enter__(self):
            return self

        def __exit__(self, *error):
            return None

        def submit(self, call, *arguments):
            done = command.Future()
            try:
                done.set_result(reproduced(*arguments))
            except Failing as error:
                done.set_exception(error)
            return done

    monkeypatch.setattr(command, "ProcessPoolExecutor", Pool)
    monkeypatch.setattr(command, "themes", lambda: {"lasso": "adding", "broken": "adding"})
    options = SimpleNamespace(names=[], full=False, jobs=1, out=tmp_path)
    assert command.run(options) == 1
    assert (tmp_path / "results" / "lasso.png").exists()
    assert "![lasso](results/lasso.png)" in (tmp_path / "RESULTS.md").read_text()
    assert "broken: failed" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="found nonsense"):
        command.run(SimpleNamespace(names=["nonsense"], full=False, jobs=1, out=tmp_path))


def test_sizes():
    reproduction = Reproduction("A claim.", "A paper", lambda size: Outcome([figure(True)]), seeds=2)
    assert reproduction.size(full=False) == Size(full=False, seeds=2)
    assert reproduction.size(full=False).accelerator == "cpu"
    assert reproduction.size(full=False).held_out == range(10, 12)
