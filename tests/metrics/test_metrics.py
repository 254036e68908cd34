import math
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from lightning_symmetry import functional as F
from lightning_symmetry import metrics as M

matplotlib.use("Agg")


def weights(seed, copies=()):
    generator = torch.Generator().manual_seed(seed)
    units, readers = (torch.randn(*copies, 6, k, generator=generator) for k in (4, 5))
    legs = [units, readers]
    return {
        "legs": legs,
        "projected": [leg.mean(dim=-2, keepdim=True) for leg in legs],
        "broken": legs,
        "gradients": [leg + 1 for leg in legs],
        "units": units,
        "matrix": units,
        "writers": units,
        "readers": readers,
    }


# A metric, what it is updated with, the function behind it, and how copies join.
CASES = {
    "SymmetryBreakingDistance": (
        M.SymmetryBreakingDistance,
        ["legs", "projected"],
        F.symmetry_breaking_distance,
        lambda v: v.square().sum().sqrt(),
    ),
    "DeadUnits": (lambda: M.DeadUnits(0.7), ["units"], lambda units: F.dead_units(units, 0.7), torch.sum),
    "DistinctUnits": (
        lambda: M.DistinctUnits(0.9, modulo="scaling", dead_threshold=0.4),
        ["units"],
        lambda units: F.distinct_units(units, 0.9, modulo="scaling", dead_threshold=0.4),
        torch.sum,
    ),
    "ParticipationRatio": (M.ParticipationRatio, ["matrix"], F.participation_ratio, torch.mean),
    "EffectiveRank": (M.EffectiveRank, ["matrix"], F.effective_rank, torch.mean),
    "StableRank": (M.StableRank, ["matrix"], F.stable_rank, torch.mean),
    "NumericalRank": (
        lambda: M.NumericalRank(0.4),
        ["matrix"],
        lambda matrix: F.numerical_rank(matrix, 0.4),
        torch.mean,
    ),
    "BrokenShare": (M.BrokenShare, ["legs"], F.broken_share, torch.mean),
    "NormSortedDistance": (M.NormSortedDistance, ["legs"], F.norm_sorted_distance, torch.amin),
    "DuplicateUnits": (
        lambda: M.DuplicateUnits(0.9, modulo="scaling"),
        ["units"],
        lambda units: F.duplicate_units(units, 0.9, modulo="scaling"),
        torch.sum,
    ),
    "UnbrokenPermutations": (
        lambda: M.UnbrokenPermutations(0.9, modulo="scaling"),
        ["units"],
        lambda units: F.unbroken_permutations(units, 0.9, modulo="scaling"),
        torch.mean,
    ),
    "GrowthRate": (M.GrowthRate, ["broken", "gradients"], F.growth_rate, torch.mean),
    "Alignment": (M.Alignment, ["writers", "readers"], F.alignment, torch.mean),
    "LearnedModes": (M.LearnedModes, ["matrix"], F.learned_modes, torch.sum),
    "Localisation": (
        lambda: M.Localisation(modes=2),
        ["matrix"],
        lambda matrix: F.localisation(matrix)[..., :2],
        torch.mean,
    ),
    "ScalingImbalance": (
        lambda: M.ScalingImbalance([1, -1]),
        ["legs"],
        lambda legs: F.scaling_imbalance(legs, [1, -1]),
        torch.mean,
    ),
    "GeneralLinearImbalance": (
        M.GeneralLinearImbalance,
        ["writers", "readers"],
        F.general_linear_imbalance,
        torch.mean,
    ),
}
every_metric = pytest.mark.parametrize("name", CASES)


def case(name, seed, copies=()):
    make, names, function, join = CASES[name]
    arguments = {key: weights(seed, copies)[key] for key in names}
    return make(), arguments, join(function(*arguments.values()))


def test_every_metric_is_covered():
    elsewhere = {"ChargeDrift", "OrderParameters", "orbit_leak", "travelled", "Travelled"}  # of whole models
    elsewhere |= {
        "LinearCKA",
        "UnbiasedLinearCKA",
        "UnbiasedRBFCKA",
        "EnsembleAgreement",
    }  # of two representations
    elsewhere |= {"ProcrustesSimilarity", "ProcrustesDistance", "MutualNearestNeighbours"}
    elsewhere |= {"InnerProductCorrelation", "InnerProductError"}
    elsewhere |= {"NeuralCollapse", "Separability", "NearestCentreAccuracy", "NearestCentreDisagreement"}
    elsewhere |= {"RankMe", "FeatureRanks", "DormantUnits", "DepthProfile"}  # of features, over batches
    elsewhere |= {"CanonicalAlignment", "RawCanonicalAlignment", "PolynomialAlignment"}  # of layers
    elsewhere |= {"IgnitionTimes", "CollapseRisk", "FeatureLearning", "Mechanisms"}  # of series
    elsewhere |= {"ScalingDrift", "GeneralLinearDrift"}
    assert set(CASES) == set(M.__all__) - elsewhere


@every_metric
@pytest.mark.parametrize("copies", [(), (1,), (2, 3)])
def test_the_value_is_that_of_the_latest_weights(name, copies):
    metric, first, _ = case(name, 0, copies)
    _, second, expected = case(name, 1, copies)
    metric.update(**first)
    metric.update(**second)
    assert metric.compute().shape == ()
    torch.testing.assert_close(metric.compute(), expected)


@every_metric
def test_forward_returns_the_latest_value_and_keeps_it(name):
    metric, first, before = case(name, 0)
    _, second, after = case(name, 1)
    torch.testing.assert_close(metric(**first), before)
    torch.testing.assert_close(metric(**second), after)
    torch.testing.assert_close(metric.compute(), after)


@every_metric
def test_a_metric_that_saw_nothing_is_nan_also_after_reset(name):
    metric, arguments, _ = case(name, 0)
    metric.update(**arguments)
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert metric.compute().isnan()


@every_metric
def test_gradients_flow_through_forward_where_promised(name):
    metric, arguments, _ = case(name, 0)
    units = next(iter(arguments.values()))
    leaf = (units[0] if isinstance(units, list) else units).requires_grad_()
    assert metric(**arguments).requires_grad == metric.is_differentiable
    metric.update(**arguments)
    assert not metric.compute().requires_grad  # a training run shall not keep its graphs alive in a metric
    assert leaf.grad is None


@every_metric
def test_a_pickled_metric_keeps_its_value(name):
    metric, arguments, expected = case(name, 0)
    metric.update(**arguments)
    torch.testing.assert_close(pickle.loads(pickle.dumps(metric)).compute(), expected)


@every_metric
def test_declarations(name):
    metric = CASES[name][0]()
    assert metric.higher_is_better is None
    assert metric.full_state_update is False
    assert metric.sync_on_compute is False


@every_metric
def test_plot_draws_one_value_or_many(name):
    metric, arguments, _ = case(name, 0)
    values = [metric(**arguments) for _ in range(3)]
    for drawn in (metric.plot(), metric.plot(values)):
        figure, axis = drawn
        assert len(axis.lines) > 0
        matplotlib.pyplot.close(figure)


def test_a_collection_of_all_metrics_reports_each_value():
    collection = MetricCollection({name: CASES[name][0]() for name in CASES})
    for seed in range(3):
        collection.update(**weights(seed))
        values = collection.compute()
        for name in CASES:
            torch.testing.assert_close(values[name], case(name, seed)[2])


def test_a_collection_keeps_configurations_apart():
    collection = MetricCollection({modulo: M.DistinctUnits(modulo=modulo) for modulo in ("nothing", "sign")})
    collection.update(torch.eye(2))  # both count 2: torchmetrics compares the values of the first update
    collection.update(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
    assert collection.compute() == {"nothing": 2, "sign": 1}


def test_a_broken_copy_is_not_hidden_by_the_others():
    matrix = torch.eye(3).repeat(2, 1, 1)
    matrix[1, 0, 0] = math.nan
    for metric in (M.DeadUnits(), M.DistinctUnits(), M.ParticipationRatio(), M.EffectiveRank()):
        metric.update(matrix)
        assert metric.compute().isnan()


def test_sizes_are_passed_on():
    metric = M.DistinctUnits(modulo="positive_scaling")
    metric.update(torch.tensor([[1e-3, 0.0], [0.0, 1.0]]), sizes=torch.ones(2))
    assert metric.compute() == 2
