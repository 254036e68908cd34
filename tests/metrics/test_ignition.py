import copy
import math
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from lightning_symmetry.functional import ignition_times
from lightning_symmetry.metrics import IgnitionTimes, Localisation

matplotlib.use("Agg")

STEPS = [0, 5, 10, 20, 40]
SERIES = torch.tensor([[0.0, 0.1, 1.0], [0.5, 0.1, 1.0], [3.0, 0.2, 1.0], [4.0, 2.0, 1.0], [4.0, 2.0, 1.0]])


def filled(fraction=0.5, looks=5):
    metric = IgnitionTimes(fraction)
    for step, amplitudes in zip(STEPS[:looks], SERIES, strict=False):
        metric.update(step, amplitudes)
    return metric


@pytest.mark.parametrize("fraction", [0.2, 0.5, 0.9])
def test_the_times_are_those_of_the_whole_series(fraction):
    expected = ignition_times(torch.tensor(STEPS), SERIES, fraction)
    torch.testing.assert_close(filled(fraction).compute(), expected, equal_nan=True)


def test_every_look_counts_from_its_update_on():
    metric = filled(looks=3)
    torch.testing.assert_close(
        metric.compute(), ignition_times(torch.tensor(STEPS[:3]), SERIES[:3]), equal_nan=True
    )
    for step, amplitudes in zip(STEPS[3:], SERIES[3:], strict=True):
        metric.update(torch.tensor(step), amplitudes)
    torch.testing.assert_close(metric.compute(), filled().compute(), equal_nan=True)


def test_forward_returns_the_times_so_far():
    metric = IgnitionTimes()
    for looks, (step, amplitudes) in enumerate(zip(STEPS, SERIES, strict=True), start=1):
        torch.testing.assert_close(metric(step, amplitudes), filled(looks=looks).compute(), equal_nan=True)
    torch.testing.assert_close(metric.compute(), filled().compute(), equal_nan=True)


def test_a_metric_that_saw_nothing_is_nan_also_after_reset():
    metric = filled()
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert metric.compute().isnan()
    metric.update(0, SERIES[0])
    assert metric.compute().isnan().all()


def test_the_series_survives_copies_and_checkpoints():
    expected = filled().compute()
    part = filled(looks=3)
    part.persistent(True)
    loaded = IgnitionTimes()
    loaded.persistent(True)
    loaded.load_state_dict(part.state_dict())
    for metric in (copy.deepcopy(part), pickle.loads(pickle.dumps(part)), loaded):
        for step, amplitudes in zip(STEPS[3:], SERIES[3:], strict=True):
            metric.update(step, amplitudes)
        torch.testing.assert_close(metric.compute(), expected, equal_nan=True)


def test_no_graph_is_kept():
    metric = IgnitionTimes()
    leaf = SERIES[0].clone().requires_grad_()
    metric.update(0, leaf * 2)
    assert not metric.amplitudes[0].requires_grad


def test_copies_have_their_own_times():
    metric = IgnitionTimes()
    for step, amplitudes in zip(STEPS, SERIES, strict=True):
        metric.update(step, torch.stack([amplitudes, 2 * amplitudes.flip(0)]))
    expected = filled().compute()
    torch.testing.assert_close(metric.compute(), torch.stack([expected, expected.flip(0)]), equal_nan=True)


def test_a_collection_keeps_fractions_apart():
    collection = MetricCollection({f"at {percent}": IgnitionTimes(percent / 100) for percent in (20, 90)})
    for step, amplitudes in zip(STEPS, SERIES, strict=True):
        collection.update(step, amplitudes)
    values = collection.compute()
    for percent in (20, 90):
        torch.testing.assert_close(values[f"at {percent}"], filled(percent / 100).compute(), equal_nan=True)


def test_plot_draws_the_staircase():
    for figure, axis in (filled().plot(), filled().plot(torch.tensor([[15.0, math.nan], [7.5, 30.0]]))):
        (line,) = axis.lines
        x, y = line.get_data()
        assert sorted(x) == list(x) and list(y) == list(range(len(x)))
        assert line.get_drawstyle() == "steps-post"
        matplotlib.pyplot.close(figure)
    assert list(x) == [7.5, 7.5, 15.0, 30.0]


def test_plot_draws_on_a_given_axis_also_when_nothing_has_ignited():
    figure, axis = matplotlib.pyplot.subplots()
    assert filled(looks=1).plot(ax=axis) == (None, axis)
    assert len(axis.lines[0].get_xdata()) == 0
    matplotlib.pyplot.close(figure)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: IgnitionTimes(0.0), "`fraction` must be between 0 and 1, got 0.0"),
        (lambda: Localisation(0), "`modes` must be at least 1, got 0"),
        (lambda: IgnitionTimes().update(0, torch.tensor(1.0)), r"`amplitudes` must be .* of shape \(\)"),
        (lambda: IgnitionTimes().update(0, torch.ones(2, dtype=torch.int64)), "`amplitudes` .*torch.int64"),
        (lambda: filled().update(50, torch.ones(2)), r"`amplitudes` must have shape \(3,\) .*got \(2,\)"),
    ],
)
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
