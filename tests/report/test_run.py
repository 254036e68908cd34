import math

import pytest

from lightning_symmetry.report import Curve, CurveRecorder, Run, Spread, band, figure, variants


def run(name="a", seed=0, steps=(0, 1), values=(1.0, 2.0), **figures) -> Run:
    return Run(name, seed, {"loss": Curve(steps, values)}, figures)


def test_a_curve_has_one_value_a_step():
    with pytest.raises(ValueError, match="`values` must be as many as `steps`, found 1 and 2"):
        Curve((0, 1), (1.0,))


@pytest.mark.parametrize("steps", [(1, 0), (1, 1)])
def test_steps_increase(steps):
    with pytest.raises(ValueError, match="`steps` must increase"):
        Curve(steps, (1.0, 2.0))


def test_an_empty_curve_has_no_last_value():
    assert math.isnan(Curve((), ()).last)


def test_runs_are_grouped_in_order():
    runs = [run("b", 0), run("a", 0), run("b", 1)]
    seeds = [(name, [r.seed for r in group]) for name, group in variants(runs).items()]
    assert seeds == [("b", [0, 1]), ("a", [0])]


def test_spread_of_one_has_no_deviation():
    assert Spread.of([3.0]) == Spread(3.0, 0.0, 1)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, -math.inf]])
def test_spread_without_finite_numbers_is_nan(values):
    spread = Spread.of(values)
    assert math.isnan(spread.mean) and math.isnan(spread.std) and spread.count == len(values)


def test_figures_are_summarised_over_the_runs_that_have_them():
    assert figure([run(accuracy=0.5), run(accuracy=1.5), run()], "accuracy").mean == 1.0


def test_a_band_spans_the_steps_that_all_seeds_share():
    seeds = [run(steps=(0, 1, 2), values=(1.0, 2.0, 9.0)), run(steps=(0, 2), values=(3.0, 11.0))]
    assert band(seeds, "loss").steps == (0, 2)
    assert band(seeds, "loss").means == [2.0, 10.0]


def test_a_band_of_nothing_is_empty():
    assert band([run()], "accuracy").steps == ()


def test_recorder_keeps_every_number_by_key_and_step():
    recorder = CurveRecorder()
    recorder.log_hyperparams({"lr": 0.1})
    for step, value in [(20, 3.0), (0, 1.0), (20, 4.0)]:
        recorder.log_metrics({"loss": value, f"only {step}": 0.0}, step)
    assert recorder.curves()["loss"] == Curve((0, 20), (1.0, 4.0))
    assert list(recorder.curves()) == ["loss", "only 20", "only 0"]
    assert (recorder.name, recorder.version) == ("curves", "0")
