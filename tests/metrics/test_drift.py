"""Motion of charges between looks: the metrics of one space, and that of a whole model."""

import matplotlib
import pytest
import torch
from torch import nn

from lightning_symmetry import find_symmetries
from lightning_symmetry import functional as F
from lightning_symmetry.metrics import ChargeDrift, GeneralLinearDrift, OrderParameters, ScalingDrift

matplotlib.use("Agg")

MAKERS = {
    "ScalingDrift": (lambda: ScalingDrift([1, -1]), F.scaling_drift),
    "GeneralLinearDrift": (lambda: GeneralLinearDrift([1, -1]), F.general_linear_drift),
}
every_metric = pytest.mark.parametrize("name", MAKERS)


def look(seed, copies=()):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(*copies, 6, k, generator=generator) for k in (4, 5)]


@every_metric
@pytest.mark.parametrize("copies", [(), (1,), (2, 3)])
def test_a_look_is_compared_with_the_one_before(name, copies):
    make, function = MAKERS[name]
    metric = make()
    metric.update(look(0, copies), kept=0.5)
    assert {value.item() for value in metric.compute().values()} == {0.0}
    for seed in (1, 2):
        values = metric(look(seed, copies), kept=0.9)
        expected = function(look(seed - 1, copies), look(seed, copies), [1, -1], [0.9, 0.9])
        torch.testing.assert_close(values, {k: v.mean() for k, v in expected._asdict().items()})
    metric.reset()
    metric.update(look(3, copies))
    assert metric.compute()["moved"] == 0


@every_metric
def test_plot_draws_a_line_for_each_value(name):
    metric = MAKERS[name][0]()
    for seed in range(2):
        metric.update(look(seed))
    figure, _ = metric.plot()
    matplotlib.pyplot.close(figure)


def network(dtype=torch.float64):
    torch.manual_seed(0)
    layers = nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 5), nn.Linear(5, 3)
    return nn.Sequential(*layers).to(dtype)


def compared(measure, before, after, kept, groups=None):
    values = measure(measure.charges(before, groups), measure.charges(after, groups), kept)
    return {key.removeprefix("symmetry/"): value.item() for key, value in values.items()}


@pytest.fixture
def looks():
    model = network()
    symmetries = find_symmetries(model, torch.zeros(1, 4).double())
    before = {name: p.detach() for name, p in model.named_parameters()}
    generator = torch.Generator().manual_seed(1)
    after = {n: p + 0.1 * torch.randn(p.shape, generator=generator).double() for n, p in before.items()}
    return symmetries, before, after


def test_the_charges_of_a_model_are_those_of_its_spaces(looks):
    symmetries, before, after = looks
    values = compared(
        ChargeDrift(symmetries), before, after, {"weights": 0.9, "": 1.0}, {"0.weight": "weights"}
    )

    def legs(p):
        return [p["0.weight"], p["0.bias"].unsqueeze(-1), p["2.weight"].mT]

    expected = F.scaling_drift(legs(before), legs(after), [1, 1, -1], [0.9, 1, 1])
    names = ("charge_drift", "charge_drift_predicted", "charge_drift_unexplained")
    for key, value in zip(names, expected, strict=True):
        assert values[f"{key}/0.positive_scaling"] == pytest.approx(value.item(), rel=1e-12)

    def linear(p):
        return [torch.cat([p["2.weight"], p["2.bias"].unsqueeze(-1)], -1), p["3.weight"].mT]

    expected = F.general_linear_drift(linear(before), linear(after), [1, -1], [1, 1])
    for key, value in zip(names, expected, strict=True):
        assert values[f"{key}/2.general_linear"] == pytest.approx(value.item(), rel=1e-12)
        both = [values[f"{key}/{name}"] for name in ("0.positive_scaling", "2.general_linear")]
        assert values[key] == pytest.approx(sum(both) / 2)


def test_permuted_units_move_alike(looks):
    symmetries, before, after = looks
    exchanges = [s for s in symmetries if s.group == "permutation"]
    measure, element = ChargeDrift(symmetries), exchanges[0].sample(torch.Generator().manual_seed(2))
    permuted = [exchanges[0].act(look, element) for look in (before, after)]
    assert not torch.equal(permuted[0]["0.weight"], before["0.weight"])
    expected = compared(measure, before, after, {"": 0.9})
    assert compared(measure, *permuted, {"": 0.9}) == pytest.approx(expected, rel=1e-12)


def test_decay_alone_takes_a_share_of_the_imbalance(looks):
    symmetries, before, _ = looks
    values = compared(ChargeDrift(symmetries), before, {n: 0.9 * p for n, p in before.items()}, {"": 0.9})
    imbalances = OrderParameters(symmetries)(before)
    for name in ("", "/0.positive_scaling", "/2.general_linear"):
        expected = 0.19 * imbalances[f"symmetry/noether_imbalance{name}"].item()
        assert values[f"charge_drift{name}"] == pytest.approx(expected)
        assert values[f"charge_drift_predicted{name}"] == pytest.approx(expected)
        assert values[f"charge_drift_unexplained{name}"] < 1e-15


def test_what_is_not_known_or_not_comparable_is_left_out(looks):
    symmetries, before, after = looks
    measure, groups = ChargeDrift(symmetries), {"0.weight": "a", "3.weight": "b"}
    values = compared(measure, before, after, {"a": None}, groups)
    assert "charge_drift/0.positive_scaling" in values
    assert [key for key in values if key.startswith("charge_drift_predicted")] == [
        "charge_drift_predicted",
        "charge_drift_predicted/2.general_linear",
    ]
    other = measure(measure.charges(before, groups), measure.charges(after, {"3.weight": "b"}), {})
    assert "symmetry/charge_drift/2.general_linear" in other
    assert "symmetry/charge_drift/0.positive_scaling" not in other
    assert measure({}, measure.charges(after), {}) == {}


def test_charges_do_not_follow_the_weights(looks):
    symmetries, before, after = looks
    measure = ChargeDrift(symmetries)
    weights = {name: p.clone() for name, p in before.items()}
    earlier = measure.charges(weights)
    for name, weight in weights.items():
        weight.copy_(after[name])  # as an optimizer does
    values = measure(earlier, measure.charges(weights), {})
    expected = compared(measure, before, after, {})
    assert values["symmetry/charge_drift"].item() == expected["charge_drift"] > 0


def test_one_broken_space_does_not_spoil_the_others(looks):
    symmetries, before, after = looks
    after["0.weight"][0, 0] = torch.nan
    values = compared(ChargeDrift(symmetries), before, after, {"": 0.9})
    finite = {key for key, value in values.items() if value == value}
    parts = ("charge_drift", "charge_drift_predicted", "charge_drift_unexplained")
    assert finite == {f"{part}/2.general_linear" for part in parts}


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_summed_in_float32(dtype):
    model = network(dtype)
    symmetries = find_symmetries(model, torch.zeros(1, 4, dtype=dtype))
    before = {name: p.detach() for name, p in model.named_parameters()}
    after = {name: p / 2 for name, p in before.items()}
    values = compared(ChargeDrift(symmetries), before, after, {"": 0.5})
    exact = [{name: p.double() for name, p in look.items()} for look in (before, after)]
    assert values == pytest.approx(compared(ChargeDrift(symmetries), *exact, {"": 0.5}), rel=1e-5, abs=1e-6)
