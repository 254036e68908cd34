"""Metrics of features add up over batches and processes."""

import math
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from lightning_symmetry import metrics as M

from ...processes import free_ports, in_two_processes, join
from .streams import CASES, CLASSES, FEATURES, LABELS, NUMBER, SIZE, WEIGHT

matplotlib.use("Agg")

every_metric = pytest.mark.parametrize("name", CASES)
same = {"rtol": 1e-9, "atol": 1e-9}


def parts(first, last, size):
    return [slice(at, min(at + size, last)) for at in range(first, last, size)]


def fed(name, slices):
    make, batch, _ = CASES[name]
    metric = make()
    for part in slices:
        metric.update(*batch(part))
    return metric


@every_metric
@pytest.mark.parametrize("size", [1, 7, NUMBER])
def test_batches_give_what_all_at_once_gives(name, size):
    torch.testing.assert_close(fed(name, parts(0, NUMBER, size)).compute(), CASES[name][2](), **same)


@every_metric
def test_the_order_of_batches_does_not_matter(name):
    found = fed(name, reversed(parts(0, NUMBER, 7))).compute()
    torch.testing.assert_close(found, CASES[name][2](), **same)


@every_metric
def test_forward_returns_the_value_of_the_batch_and_adds_it(name):
    make, batch, function = CASES[name]
    metric = make()
    for part in parts(0, NUMBER, 13):
        torch.testing.assert_close(metric(*batch(part)), fed(name, [part]).compute(), equal_nan=True, **same)
    torch.testing.assert_close(metric.compute(), function(), **same)


@every_metric
def test_half_precision_is_added_up_in_full(name):
    make, batch, _ = CASES[name]

    def cast(value, dtype):
        if isinstance(value, dict):
            return {key: cast(inner, dtype) for key, inner in value.items()}
        return value.bfloat16().to(dtype) if value.is_floating_point() and value.ndim == 2 else value

    half, full = make(), make()
    for part in parts(0, NUMBER, 7):
        half.update(*(cast(value, torch.bfloat16) for value in batch(part)))
        full.update(*(cast(value, torch.float64) for value in batch(part)))
    torch.testing.assert_close(half.compute(), full.compute(), **same)


@every_metric
def test_a_checkpoint_and_a_pickle_keep_what_was_seen(name):
    make, batch, function = CASES[name]
    metric = make()
    metric.persistent(True)
    metric.update(*batch(slice(0, 20)))
    resumed = make()
    resumed.persistent(True)
    resumed.load_state_dict(metric.state_dict())
    for copy in (resumed, pickle.loads(pickle.dumps(metric))):
        copy.update(*batch(slice(20, NUMBER)))
        torch.testing.assert_close(copy.compute(), function(), **same)


@every_metric
def test_nothing_is_left_after_reset_and_no_graph_is_kept(name):
    make, batch, function = CASES[name]
    metric = make()
    arguments = batch(slice(0, NUMBER))
    leaf = next(iter(arguments[0].values())) if isinstance(arguments[0], dict) else arguments[0]
    leaf.requires_grad_()
    try:
        metric.update(*arguments)
        metric.reset()
        metric.update(*arguments)
        values = metric.compute()
        torch.testing.assert_close(values, function(), **same)
        assert not any(v.requires_grad for v in (values.values() if isinstance(values, dict) else [values]))
    finally:
        FEATURES.requires_grad_(False)


@every_metric
def test_plot_draws_the_value(name):
    metric = fed(name, parts(0, NUMBER, 13))
    figure, axis = metric.plot()
    assert len(axis.lines) > 0
    matplotlib.pyplot.close(figure)
    _, axes = matplotlib.pyplot.subplots()
    assert metric.plot(metric.compute(), axes)[1] is axes
    matplotlib.pyplot.close()


def test_a_collection_reports_each_value():
    names = ["RankMe", "FeatureRanks", "DormantUnits"]
    collection = MetricCollection({name: CASES[name][0]() for name in names})
    for part in parts(0, NUMBER, 7):
        collection.update(FEATURES[part])
    values = collection.compute()
    assert values["RankMe"].item() == pytest.approx(CASES["RankMe"][2]().item())
    assert values["effective_rank"].item() == pytest.approx(
        CASES["FeatureRanks"][2]()["effective_rank"].item()
    )
    assert values["DormantUnits"] == CASES["DormantUnits"][2]()


def test_what_was_never_seen_has_no_value():
    for make in (lambda: M.NeuralCollapse(2, 3), lambda: M.Separability(2, 3), lambda: M.DormantUnits(3)):
        with pytest.warns(UserWarning, match="before the ``update`` method"):
            value = make().compute()
        assert all(v.isnan() for v in (value.values() if isinstance(value, dict) else [value]))


def test_two_passes_are_exact():
    first, disagreement, accuracy = (
        M.NeuralCollapse(CLASSES, SIZE),
        M.NearestCentreDisagreement(),
        M.NearestCentreAccuracy(),
    )
    for part in parts(0, NUMBER, 7):
        first.update(FEATURES[part], LABELS[part])
    decisions = torch.where(LABELS < 0, -1, (FEATURES @ WEIGHT.mT).argmax(dim=-1))
    for part in parts(0, NUMBER, 11):
        disagreement.update(FEATURES[part], decisions[part], first.centres)
        accuracy.update(FEATURES[part], LABELS[part], first.centres, first.counts)
    assert disagreement.compute() == CASES["NearestCentreDisagreement"][2]()
    assert accuracy.compute() == CASES["NearestCentreAccuracy"][2]()


def test_a_batch_without_any_label_changes_nothing():
    metric = fed("NearestCentreDisagreement", [slice(0, NUMBER)])
    before = metric.compute()
    metric.update(FEATURES, torch.full((NUMBER,), -1), torch.full((3, SIZE), math.nan))
    assert metric.compute() == before


def test_a_classifier_that_moves_is_averaged():
    metric = M.NeuralCollapse(CLASSES, SIZE)
    metric.update(FEATURES, LABELS, WEIGHT.double() + 1)
    metric.update(FEATURES, LABELS, WEIGHT.double() - 1)
    torch.testing.assert_close(metric.compute(), CASES["NeuralCollapse"][2](), **same)


def test_layers_that_never_ran_are_left_out_of_the_profile():
    metric = M.DepthProfile({"a": 4, "idle": 2, "b": 4})
    metric.update({"a": torch.ones(5, 4), "b": torch.eye(4)})
    ranks = metric.compute()
    assert ranks["a"] == 0 and ranks["idle"].isnan() and ranks["b"].item() == pytest.approx(3)
    assert [segment[:3] for segment in metric.segments()] == [("expansion", 0, 1)]
    figure, axis = metric.plot()
    assert [label.get_text() for label in axis.get_xticklabels()] == ["a", "b"]
    matplotlib.pyplot.close(figure)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: M.RankMe(0), "`num_features` must be at least 1, got 0"),
        (lambda: M.RankMe(3, epsilon=-1.0), r"`epsilon` must be at least 0, got -1\.0"),
        (lambda: M.RankMe(3).update(torch.ones(2, 4)), r"`features` must have shape \(n, 3\), got \(2, 4\)"),
        (lambda: M.RankMe(3).update(torch.ones(2, 3).long()), "must be real and floating-point"),
        (lambda: M.NeuralCollapse(0, 3), "`num_classes` must be at least 1, got 0"),
        (
            lambda: M.NeuralCollapse(2, 3).update(torch.ones(2, 3), torch.zeros(2).long(), torch.ones(3, 2)),
            r"`weight` must have shape \(2, 3\), got \(3, 2\)",
        ),
        (lambda: M.Separability(2, 3).update(torch.ones(2, 3), None), "`labels` must be a tensor"),
        (lambda: M.DormantUnits(3, -1), "`threshold` must be at least 0, got -1"),
        (lambda: M.DormantUnits(3).update(torch.ones(3)), "must have shape"),
        (lambda: M.DepthProfile({}), "`num_features` must name at least one layer"),
        (lambda: M.DepthProfile({"a": 0}), r"`num_features\['a'\]` must be at least 1, got 0"),
        (lambda: M.DepthProfile({"a": 1}, threshold=0), "`threshold` must be positive"),
        (lambda: M.DepthProfile({"a": 1}).update({"b": torch.ones(1, 1)}), "`features` must name layers of"),
    ],
)
def test_wrong_arguments_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        wrong()


def values(metric):
    value = metric.compute()
    return {k: v.item() for k, v in (value.items() if isinstance(value, dict) else [("value", value)])}


def work(rank, port):
    join(rank, port)
    # unequal halves, and for some metrics a process that sees nothing
    halves, one = [slice(0, 27), slice(27, NUMBER)], [slice(0, NUMBER), None]
    found = {}
    for index, name in enumerate(CASES):
        here = (halves if index % 2 else one)[rank]
        found[name] = values(fed(name, [] if here is None else [here]))
    return found


def test_two_processes_find_what_one_finds():
    both = in_two_processes(work, *free_ports())
    for name, (_, _, function) in CASES.items():
        expected = function()
        alone = expected.items() if isinstance(expected, dict) else [("value", expected)]
        for found in both:
            assert found[name] == pytest.approx({k: v.item() for k, v in alone}, rel=1e-9, abs=1e-9)
