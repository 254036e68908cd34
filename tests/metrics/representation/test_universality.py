"""Metrics of two representations: batches count together, and are the functional forms in one pass."""

import math
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from lightning_symmetry import functional as F
from lightning_symmetry import metrics as M
from lightning_symmetry.functional.representation._hsic import unbiased_hsic
from lightning_symmetry.functional.representation.rbf_cka import rbf_sums
from lightning_symmetry.metrics.representation._sample_hash import sample_hash

matplotlib.use("Agg")

EXACT = {
    "LinearCKA": (M.LinearCKA, F.linear_cka),
    "UnbiasedLinearCKA": (M.UnbiasedLinearCKA, F.unbiased_linear_cka),
    "ProcrustesSimilarity": (M.ProcrustesSimilarity, F.procrustes_similarity),
    "ProcrustesDistance": (M.ProcrustesDistance, F.procrustes_distance),
    "InnerProductCorrelation": (M.InnerProductCorrelation, F.inner_product_correlation),
    "InnerProductError": (M.InnerProductError, F.inner_product_error),
    "MutualNearestNeighbours": (
        lambda: M.MutualNearestNeighbours(5, size=64),
        lambda a, b: F.mutual_nearest_neighbours(a, b, 5),
    ),
}
METRICS = {name: make for name, (make, _) in EXACT.items()} | {"UnbiasedRBFCKA": M.UnbiasedRBFCKA}
MOMENTS = [name for name in EXACT if name != "MutualNearestNeighbours"]
every_metric = pytest.mark.parametrize("name", METRICS)
every_exact_metric = pytest.mark.parametrize("name", EXACT)
SIZES = [16, 1, 20, 7, 3, 13]


def features(seed=0, n=60, widths=(6, 4), mean=1.0):
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(n, 3, generator=generator, dtype=torch.float64)
    sides = []
    for width in widths:
        mixing, shift = torch.randn(3, width, generator=generator), torch.randn(width, generator=generator)
        noise = torch.randn(n, width, generator=generator, dtype=torch.float64)
        sides.append(common @ mixing.double() + 0.5 * noise + mean * shift)
    return sides


def number(value):
    return value["overlap"] if isinstance(value, dict) else value


def updated(name, a, b, sizes=SIZES):
    metric = METRICS[name]()
    for one, other in zip(a.split(sizes), b.split(sizes), strict=True):
        metric.update(one, other)
    return metric


@every_exact_metric
@pytest.mark.parametrize("widths", [(6, 4), (80, 5), (1, 1)])
def test_batches_give_what_all_samples_give(name, widths):
    a, b = features(widths=widths)
    expected = EXACT[name][1](a, b)
    # the angle of two lines on top of each other is the arc cosine of rounding
    tolerance = 1e-7 if name in {"ProcrustesDistance", "InnerProductError"} else 1e-10
    for sizes in (SIZES, [60], [1] * 60):
        value = number(updated(name, a, b, sizes).compute())
        torch.testing.assert_close(value, expected, rtol=0, atol=tolerance)


@every_exact_metric
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize("mean", [0.0, 30.0, 1000.0])
def test_float32_with_a_large_mean_is_good_to_four_digits(name, mean, scale):
    a, b = (scale * side for side in features(n=600, mean=mean))
    a, b = a.float(), b.float()
    expected = EXACT[name][1](a.double(), b.double())
    metric = EXACT[name][0]() if name in MOMENTS else M.MutualNearestNeighbours(5, size=600)
    for one, other in zip(a.split(50), b.split(50), strict=True):
        metric.update(one, other)
    assert number(metric.compute()).item() == pytest.approx(expected.item(), abs=1e-4)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@every_metric
def test_half_precision_is_promoted(name, dtype):
    a, b = (side.to(dtype) for side in features())
    half, single = (number(updated(name, x, y).compute()) for x, y in ((a, b), (a.float(), b.float())))
    assert half == single


@every_metric
def test_autocast_does_not_reach_inside(name):
    a, b = (side.float() for side in features())
    plain = number(updated(name, a, b).compute())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert number(updated(name, a, b).compute()) == plain


@every_metric
def test_forward_gives_the_batch_and_keeps_the_rest(name):
    a, b = features()
    metric = METRICS[name]()
    for one, other in zip(a.split([16, 20, 24]), b.split([16, 20, 24]), strict=True):
        alone = number(updated(name, one, other, [len(one)]).compute())
        torch.testing.assert_close(number(metric(one, other)), alone, rtol=0, atol=1e-9)
    together = number(updated(name, a, b, [16, 20, 24]).compute())
    torch.testing.assert_close(number(metric.compute()), together, rtol=0, atol=1e-9)
    metric.update(a[:5], b[:5])  # after a forward, which leaves two parts behind
    longer = torch.cat([a, a[:5]]), torch.cat([b, b[:5]])
    expected = number(updated(name, *longer, [16, 20, 24, 5]).compute())
    torch.testing.assert_close(number(metric.compute()), expected, rtol=0, atol=1e-9)


@every_metric
def test_nothing_seen_is_nan_also_after_reset(name):
    metric = updated(name, *features())
    metric.reset()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert number(metric.compute()).isnan()
    metric.update(*features(1, widths=(2, 9)))  # other widths: nothing of the old ones is left
    assert number(metric.compute()).isfinite()


@every_metric
@pytest.mark.parametrize("place", [0, 30])
def test_a_number_that_is_not_finite_makes_nan(name, place):
    a, b = features()
    b[place, 1] = math.nan
    assert number(updated(name, a, b).compute()).isnan()


@every_metric
def test_a_constant_side_agrees_with_nothing(name):
    a, _ = features()
    value = number(updated(name, a.float(), torch.full((60, 3), 0.1)).compute())
    if name == "MutualNearestNeighbours":
        assert value.item() == pytest.approx(5 / 59)
    elif name == "ProcrustesDistance":
        assert value.item() == pytest.approx(math.pi / 2)
    elif name == "InnerProductError":
        assert value.item() == pytest.approx(F.inner_product_error(a, torch.ones(60, 3)).item(), abs=1e-5)
    else:
        assert value == 0


@pytest.mark.parametrize(
    ("name", "samples", "value"),
    [
        ("LinearCKA", 1, 0.0),
        ("ProcrustesSimilarity", 1, 0.0),
        ("UnbiasedLinearCKA", 3, math.nan),
        ("UnbiasedRBFCKA", 3, math.nan),
        ("InnerProductCorrelation", 1, math.nan),
        ("InnerProductError", 1, math.nan),
        ("MutualNearestNeighbours", 5, math.nan),
    ],
)
def test_few_samples_have_a_defined_value(name, samples, value):
    a, b = features(n=samples)
    found = number(updated(name, a, b, [samples]).compute())
    torch.testing.assert_close(found, torch.tensor(value).to(found), equal_nan=True)


@every_metric
def test_batches_in_and_out_of_inference_mode_count_together(name):
    a, b = features()
    metric = METRICS[name]()
    with torch.inference_mode():
        metric.update(a[:20], b[:20])
    metric.update(a[20:40], b[20:40])
    with torch.inference_mode():
        metric.update(a[40:], b[40:])
    assert number(metric.compute()) == number(updated(name, a, b, [20, 20, 20]).compute())


@every_metric
def test_wrong_batches_are_refused(name):
    metric = updated(name, *features())
    if name != "UnbiasedRBFCKA":  # which compares samples of one batch only
        with pytest.raises(ValueError, match=r"as wide as in the batches before, \(6, 4\), got \(4, 6\)"):
            metric.update(torch.ones(5, 4), torch.ones(5, 6))
    with pytest.raises(ValueError, match=r"`b` must have shape \(n, d\), got \(2, 3, 4\)"):
        metric.update(torch.ones(5, 6), torch.ones(2, 3, 4))
    with pytest.raises(ValueError, match="`b` must agree with `a`"):
        metric.update(torch.ones(5, 6), torch.ones(6, 4))


@every_metric
def test_a_pickled_metric_keeps_its_value_and_no_graph(name):
    a, b = features()
    metric = updated(name, a.requires_grad_(), b)
    assert not number(metric.compute()).requires_grad
    assert number(pickle.loads(pickle.dumps(metric)).compute()) == number(metric.compute())


@every_metric
def test_plot_draws_one_value_or_many(name):
    metric = updated(name, *features())
    for drawn in (metric.plot(), metric.plot([metric.compute()] * 3)):
        figure, axis = drawn
        assert len(axis.lines) > 0
        matplotlib.pyplot.close(figure)


def test_a_collection_reports_each_value_and_accumulates_moments_once():
    collection = MetricCollection({name: make() for name, make in METRICS.items()})
    a, b = features()
    for one, other in zip(a.split(SIZES), b.split(SIZES), strict=True):
        collection.update(one, other)
    values = collection.compute()
    for name in METRICS:
        found = values["overlap" if name == "MutualNearestNeighbours" else name]
        torch.testing.assert_close(found, number(updated(name, a, b).compute()))
    groups = [set(group) for group in collection.compute_groups.values()]
    assert {"LinearCKA", "UnbiasedLinearCKA", "InnerProductCorrelation", "InnerProductError"} in groups


def test_a_collection_keeps_configurations_apart():
    a, b = features()
    collection = MetricCollection({str(size): M.MutualNearestNeighbours(5, size) for size in (20, 60)})
    for one, other in zip(a.split(10), b.split(10), strict=True):  # the first batch fits both samples
        collection.update(one, other)
    assert len(collection["20"]._lowest([a])[0]) == 20
    chances = {name: metric.compute()["chance"].item() for name, metric in collection.items()}
    assert chances == pytest.approx({"20": 5 / 19, "60": 5 / 59})


def test_a_sample_of_the_data_depends_on_neither_order_nor_batches():
    a, b = features(n=500)
    order = torch.randperm(500, generator=torch.Generator().manual_seed(0))
    values = []
    for x, y, size in ((a, b, 50), (a, b, 7), (a[order], b[order], 50)):
        metric = M.MutualNearestNeighbours(5, size=80)
        for one, other in zip(x.split(size), y.split(size), strict=True):
            metric.update(one, other)
        values.append(metric.compute())
    assert values[0] == values[1]
    torch.testing.assert_close(values[0], values[2])
    assert values[0]["chance"].item() == pytest.approx(5 / 79)
    other = M.MutualNearestNeighbours(5, size=80, seed=1)
    other.update(a, b)
    assert other.compute()["overlap"] != values[0]["overlap"]


def test_the_sample_is_as_good_as_random():
    a = torch.arange(4096.0).unsqueeze(-1)  # as regular as can be
    chance = sample_hash(a, torch.zeros(4096, 1), 0)
    assert len(chance.unique()) == 4096
    expected = torch.linspace(0, 1, 4096, dtype=torch.float64)
    assert (chance.sort().values - expected).abs().max() < 1.95 / math.sqrt(4096)  # Kolmogorov, 0.1 %
    assert torch.corrcoef(torch.stack([chance, expected]))[0, 1].abs() < 4 / math.sqrt(4096)


def test_batches_of_rbf_kernels_are_averaged_with_their_sizes_as_weights():
    a, b = features()
    sizes = [16, 4, 20, 3, 17]  # the batch of three is left out
    sums = torch.zeros(3, dtype=torch.float64)
    for one, other in zip(a.split(sizes), b.split(sizes), strict=True):
        if len(one) > 3:
            sums += len(one) * torch.stack([unbiased_hsic(each) for each in rbf_sums(one, other, 0.8)])
    metric = updated("UnbiasedRBFCKA", a, b, sizes)
    torch.testing.assert_close(metric.compute(), sums[0] / (sums[1] * sums[2]).sqrt())
    alone = updated("UnbiasedRBFCKA", a, b, [60])
    torch.testing.assert_close(alone.compute(), F.unbiased_rbf_cka(a, b))
    assert alone.standard_error() < 1e-6


def test_the_standard_error_is_how_far_estimates_spread():
    generator = torch.Generator().manual_seed(0)
    mixing = torch.randn(3, 4, generator=generator)
    estimates, errors = [], []
    for _ in range(50):
        x = torch.randn(320, 3, generator=generator)
        noise = torch.randn(320, 4, generator=generator)
        metric = updated("UnbiasedRBFCKA", x, x @ mixing + 2 * noise, [32] * 10)
        estimates.append(metric.compute())
        errors.append(metric.standard_error())
    spread, error = torch.stack(estimates).std(), torch.stack(errors).mean()
    assert error.item() == pytest.approx(spread.item(), rel=0.3)  # 50 draws know it to 10 %


def test_a_fraction_that_is_not_positive_is_refused():
    with pytest.raises(ValueError, match=r"`fraction` must be positive, got -0\.1"):
        M.UnbiasedRBFCKA(-0.1)
    with pytest.raises(ValueError, match="`neighbours` must be at least 1, got 0"):
        M.MutualNearestNeighbours(0)
    with pytest.raises(ValueError, match="`size` must be more than the 10 neighbours, got 10"):
        M.MutualNearestNeighbours(10, size=10)
