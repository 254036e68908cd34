import io
import json
import math

import pytest
import torch
from rich.console import Console

from lightning_symmetry.demo import VARIANTS, Settings, run_demo, train
from lightning_symmetry.demo.data import batches, digits
from lightning_symmetry.demo.module import DigitClassifier
from lightning_symmetry.demo.outcome import Outcome, summary
from lightning_symmetry.demo.quiet import quiet
from lightning_symmetry.demo.train import LAYER_RANK
from lightning_symmetry.report import Run

SHORT = Settings(seeds=(0,), epochs=40)
CURVES = {
    LAYER_RANK,
    "train_loss",
    "symmetry/dead_units",
    "symmetry/distinct_units",
    "symmetry/breaking_distance",
    "symmetry/noether_imbalance",
}


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out, printed = tmp_path_factory.mktemp("demo"), io.StringIO()
    outcome = run_demo(out / "new", SHORT, Console(file=printed, width=80))
    return outcome, out / "new", printed.getvalue()


def figures(outcome, key) -> dict[str, float]:
    return {run.name: run.figures[key] for run in outcome.runs}


def test_decay_collapses_the_layer_and_removing_symmetry_prevents_it(demo):
    outcome, _, _ = demo
    start, end = figures(outcome, "effective_rank_at_start"), figures(outcome, "effective_rank")
    # All start from the same weights.
    assert len(set(start.values())) == 1 and start["plain"] > 45
    assert end["decay"] < 20 < 35 < end["plain"]
    assert end["syre"] > 40
    assert figures(outcome, "dead_units")["decay"] > 10
    assert figures(outcome, "dead_units")["syre"] == figures(outcome, "dead_units")["plain"] == 0
    assert all(accuracy > 0.9 for accuracy in figures(outcome, "test_accuracy").values())


def test_not_all_of_the_rank_is_the_offsets(demo):
    outcome, _, _ = demo
    assert figures(outcome, "feature_rank")["syre"] > figures(outcome, "feature_rank")["decay"] + 3
    without = figures(outcome, "rank_without_offset")
    assert without["syre"] < figures(outcome, "effective_rank")["syre"]
    assert without["plain"] == pytest.approx(figures(outcome, "effective_rank")["plain"], abs=2)


def test_the_loss_has_its_symmetries_and_they_hold(demo):
    outcome, _, _ = demo
    assert {
        "model.0.permutation",
        "model.0.positive_scaling",
        "model.2.permutation",
        "model.2.positive_scaling",
    } <= {symmetry.name for symmetry in outcome.symmetries}
    assert max(outcome.errors.values()) < 1e-8


def test_the_summary_is_strict_json_and_complete(demo):
    outcome, out, _ = demo

    def refuse(constant):
        raise AssertionError(constant)

    plain = json.loads((out / "summary.json").read_text(), parse_constant=refuse)
    assert list(plain["variants"]) == ["plain", "decay", "syre"]
    for name, variant in plain["variants"].items():
        (run,) = variant["runs"]
        assert run["seed"] == 0
        for key, value in figures_of(outcome, name).items():
            assert variant["figures"][key] == {"mean": value, "std": 0.0} and run[key] == value
    assert plain["settings"]["epochs"] == 40 and plain["settings"]["penalty"] == 3e-3
    assert {"lightning-symmetry", "torch", "lightning", "python"} <= set(plain["versions"])
    assert plain["seconds"] > 0
    assert {symmetry["name"] for symmetry in plain["symmetries"]} < set(plain["errors"])


def figures_of(outcome, name) -> dict[str, float]:
    (run,) = [run for run in outcome.runs if run.name == name]
    return dict(run.figures)


def test_the_report_shows_every_curve_of_every_variant(demo):
    outcome, out, _ = demo
    text = (out / "report.html").read_text(encoding="utf-8")
    for plot in range(len(CURVES)):
        for variant in range(3):
            assert f'id="plot-{plot}-curve-{variant}"' in text
    assert all(symmetry.name in text for symmetry in outcome.symmetries)
    assert "What training added to the offset has an effective rank of" in text


def test_the_tables_fit_and_hold_the_figures(demo):
    outcome, out, printed = demo
    lines = printed.splitlines()
    assert max(map(len, lines[:-1])) <= 80
    for run in outcome.runs:
        (line,) = [line for line in lines if line.split()[:1] == [run.name]]
        assert f"{run.figures['effective_rank']:.1f}" in line
        assert f"{run.figures['distinct_units']:.1f}" in line
        # The last column is whole.
        assert line.rstrip().endswith(f"{run.figures['feature_rank']:.1f}")
    assert "model.2.positive_scaling" in printed and str(out / "summary.json") in printed


def test_curves_have_the_start_and_the_end_of_every_epoch(demo):
    outcome, _, _ = demo
    for run in outcome.runs:
        assert set(run.curves) >= CURVES
        ends = tuple(range(12, 481, 12))
        assert run.curves["train_loss"].steps == ends
        assert run.curves[LAYER_RANK].steps == (0, *ends)


def test_training_is_reproducible_and_leaves_the_random_state_alone():
    settings, data, state = Settings(epochs=1), digits(), torch.get_rng_state()
    with quiet():
        first, second = (train(VARIANTS[2], 3, data, settings) for _ in range(2))
    assert first.curves == second.curves
    assert torch.equal(state, torch.get_rng_state())


def test_a_number_that_is_not_finite_is_null():
    run = Run("plain", 0, {}, {"effective_rank": math.nan})
    plain = summary(Outcome(Settings(), (run,), (), {"all together": math.inf}, 1.0))
    assert plain["variants"]["plain"]["figures"]["effective_rank"] == {"mean": None, "std": None}
    assert plain["errors"] == {"all together": None}


def test_the_split_is_fixed_and_fair():
    first, second = digits(), digits()
    assert len(first.train) == 1437 and len(first.test) == 360
    for one, other in zip(first, second, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.tensors, other.tensors, strict=True))
    images, labels = first.test.tensors
    assert images.shape == (360, 64) and 0 <= images.min() < images.max() <= 1
    assert labels.bincount().min() >= 34


def test_batches_hold_every_image_once_in_an_order_of_the_seed():
    data = digits().test
    one, same, other = (torch.cat([y for _, y in batches(data, 100, seed)]) for seed in (0, 0, 1))
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert torch.equal(one.sort().values, data.tensors[1].sort().values)
    assert [len(y) for _, y in batches(data, 100, 0)] == [100, 100, 100, 60]


def test_the_module_is_a_plain_one():
    module = DigitClassifier(penalty=3e-3)
    x = torch.rand(5, 64)
    assert torch.equal(module(x), module.model(x))
    (group,) = module.configure_optimizers().param_groups
    assert group["weight_decay"] == pytest.approx(6e-3) and group["lr"] == 0.1


def test_quiet_restores_what_it_changes():
    threads = torch.get_num_threads()
    with pytest.raises(ArithmeticError), quiet():
        raise ArithmeticError
    assert torch.get_num_threads() == threads
