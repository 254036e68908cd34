import math
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from lightning_symmetry import functional as F
from lightning_symmetry.metrics import Alignment, FeatureLearning, Mechanisms

matplotlib.use("Agg")

MAKERS = {
    "Alignment": Alignment,
    "FeatureLearning": lambda: FeatureLearning((0.5, 2.0)),
    "Mechanisms": Mechanisms,
}
every_metric = pytest.mark.parametrize("name", MAKERS)
comparing = pytest.mark.parametrize("name", ["FeatureLearning", "Mechanisms"])


def look(seed, copies=()):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*copies, 6, k, generator=generator) for k in (4, 5)]


def expected(name, looks):
    """Value after these looks, the first of which may be the only one."""
    if name == "Alignment":
        return F.alignment(*looks[-1]).mean()
    if name == "FeatureLearning":
        return F.feature_learning(looks[0], looks[-1], (0.5, 2.0)).mean()
    split = F.mechanisms(looks[max(0, len(looks) - 2)], looks[-1])
    return {part: value.mean() for part, value in split._asdict().items()}


def updated(name, looks):
    metric = MAKERS[name]()
    for writers, readers in looks:
        metric.update(writers, readers)
    return metric


@every_metric
@pytest.mark.parametrize("copies", [(), (1,), (2, 3)])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_values_after_some_looks(name, copies, number):
    looks = [look(seed, copies) for seed in range(number)]
    value = updated(name, looks).compute()
    torch.testing.assert_close(value, expected(name, looks))
    if number == 1 and name != "Alignment":
        values = value.values() if isinstance(value, dict) else [value]
        assert all(part == 0 for part in values)


@every_metric
def test_forward_returns_what_compute_returns_and_forgets_no_look(name):
    looks = [look(seed) for seed in range(3)]
    metric = MAKERS[name]()
    for seen in range(1, 4):
        value = metric(*looks[seen - 1])
        torch.testing.assert_close(value, expected(name, looks[:seen]))
        torch.testing.assert_close(metric.compute(), value)
        torch.testing.assert_close(metric._forward_cache, value)  # what a Lightning logger reads


@comparing
def test_looks_are_copies(name):
    first, second = look(0), look(1)
    weights = [leg.clone().requires_grad_() for leg in first]
    metric = MAKERS[name]()
    metric.update(*weights)
    with torch.no_grad():
        for weight, leg in zip(weights, second, strict=True):
            weight.copy_(leg)  # as an optimizer does
    metric.update(*weights)
    torch.testing.assert_close(metric.compute(), expected(name, [first, second]))


@comparing
def test_reset_forgets_the_looks(name):
    metric = updated(name, [look(0), look(1)])
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        value = metric.compute()
    assert all(part.isnan() for part in (value.values() if isinstance(value, dict) else [value]))
    metric.update(*look(2))
    metric.update(*look(3))
    torch.testing.assert_close(metric.compute(), expected(name, [look(2), look(3)]))


@comparing
def test_looks_survive_pickling_and_checkpoints(name):
    looks = [look(seed) for seed in range(3)]
    metric = updated(name, looks[:2])
    metric.persistent(True)
    restored = MAKERS[name]()
    restored.persistent(True)
    restored.load_state_dict(metric.state_dict())
    for again in (pickle.loads(pickle.dumps(metric)), metric.clone(), restored):
        again.update(*looks[2])
        torch.testing.assert_close(again.compute(), expected(name, looks))


def test_a_collection_keeps_them_apart():
    collection = MetricCollection(
        {
            **{name: make() for name, make in MAKERS.items()},
            "equal rates": FeatureLearning(),
        }
    )
    looks = [look(seed) for seed in range(3)]
    for writers, readers in looks:
        values = collection(writers, readers)
    torch.testing.assert_close(collection.compute(), values)
    for name in ("Alignment", "FeatureLearning"):
        torch.testing.assert_close(values[name], expected(name, looks))
    torch.testing.assert_close(values["equal rates"], F.feature_learning(looks[0], looks[-1]))
    assert values["growth"] == expected("Mechanisms", looks)["growth"]


@every_metric
def test_a_broken_copy_is_not_hidden_by_the_others(name):
    broken = look(1, copies=(2,))
    broken[0][1, 0, 0] = math.nan
    value = updated(name, [look(0, copies=(2,)), broken]).compute()
    assert all(part.isnan() for part in (value.values() if isinstance(value, dict) else [value]))


@every_metric
def test_declarations(name):
    metric = MAKERS[name]()
    assert metric.higher_is_better is None
    assert metric.sync_on_compute is False
    writers, readers = (leg.requires_grad_() for leg in look(0))
    value = metric(writers, readers)
    assert not isinstance(value, dict) or name == "Mechanisms"
    if not isinstance(value, dict):
        assert value.requires_grad == metric.is_differentiable
    metric.update(writers, readers)
    kept = metric.compute()
    assert not any(part.requires_grad for part in (kept.values() if isinstance(kept, dict) else [kept]))


@every_metric
def test_plot_draws_one_value_or_many(name):
    metric = MAKERS[name]()
    values = [metric(*look(seed)) for seed in range(3)]
    for figure, axis in (metric.plot(), metric.plot(values)):
        assert len(axis.lines) > 0
        matplotlib.pyplot.close(figure)


def test_a_plot_shows_layers_that_shrink():
    metric = Mechanisms()
    values = [metric(*(0.5**step * leg for leg in look(0))) for step in range(3)]
    figure, axis = metric.plot(values)
    assert axis.get_ylim()[0] < values[-1]["growth"] < 0
    matplotlib.pyplot.close(figure)
