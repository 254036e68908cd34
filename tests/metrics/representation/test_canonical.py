import math
import pickle

import matplotlib
import pytest
import torch
from torchmetrics import MetricCollection

from lightning_symmetry import functional as F
from lightning_symmetry.metrics import CanonicalAlignment, PolynomialAlignment, RawCanonicalAlignment

matplotlib.use("Agg")


def layer(n=60, width=5, out=4, seed=0, copies=()):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(*copies, out, width, generator=generator, dtype=torch.float64)
    inputs = torch.randn(*copies, n, width, generator=generator, dtype=torch.float64)
    outputs = inputs @ weight.mT
    gradients = outputs.sin() + torch.randn(*copies, n, out, generator=generator, dtype=torch.float64)
    return [inputs, gradients @ weight, outputs, gradients], weight


def expected(metric, samples, weight, mask=None):
    """What the function gives of all samples at once."""
    if isinstance(metric, PolynomialAlignment):
        laws = F.canonical_exponents(F.layer_matrices(*samples, weight, mask))
        names = ("exponent", "low", "high", "r_squared")
        return {f"{r}_{n}": getattr(law, n).mean() for r, law in laws.items() for n in names}
    raw = isinstance(metric, RawCanonicalAlignment)
    matrices = (F.raw_layer_matrices if raw else F.layer_matrices)(*samples, weight, mask)
    values = F.canonical_alignments(matrices)._asdict()
    baselines = F.shuffled_canonical_alignments(matrices)._asdict()
    values |= {f"{relation}_shuffled": value for relation, value in baselines.items()}
    return {name: value.mean() for name, value in values.items()}


def close(found, wanted, within=1e-9):
    assert found.keys() == wanted.keys()
    for name in found:
        assert found[name].shape == ()
        assert found[name].item() == pytest.approx(wanted[name].item(), abs=within), name


EACH = [CanonicalAlignment, RawCanonicalAlignment, PolynomialAlignment]
every_metric = pytest.mark.parametrize("metric", EACH)


def make(metric, width=5, out=4, dtype=torch.float64, **options):
    return metric(width, out, **options).set_dtype(dtype)


@every_metric
@pytest.mark.parametrize("copies", [(), (3,), (2, 2)])
def test_batches_give_what_all_at_once_gives(metric, copies):
    samples, weight = layer(copies=copies)
    one = make(metric, copies=copies)
    mask = torch.arange(60) % 7 > 0
    for start, end in ((0, 1), (1, 30), (30, 60)):
        batch = [tensor[..., start:end, :] for tensor in samples]
        one.update(*batch, weight, mask[start:end])
    close(one.compute(), expected(one, samples, weight, mask.expand(*copies, 60)))


@every_metric
def test_forward_returns_the_batch_and_keeps_all(metric):
    samples, weight = layer()
    one = make(metric)
    for batch in zip(*(tensor.split(30) for tensor in samples), strict=True):
        close(one(*batch, weight), expected(one, batch, weight))
    close(one.compute(), expected(one, samples, weight))


@every_metric
def test_tokens_with_padding(metric):
    samples, weight = layer()
    one, mask = make(metric), torch.rand(6, 10, generator=torch.Generator().manual_seed(0)) < 0.7
    tokens = [tensor.view(6, 10, -1).clone() for tensor in samples]
    for tensor in tokens:
        tensor[~mask] = math.nan
    one.update(*tokens, weight, mask)
    close(one.compute(), expected(one, [tensor[mask.flatten()] for tensor in samples], weight))


@every_metric
def test_half_precision_under_autocast_accumulates_in_float32(metric):
    samples, weight = layer(n=200)
    half = [tensor.bfloat16() for tensor in [*samples, weight]]
    one = metric(5, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for batch in zip(*(tensor.split(50) for tensor in half[:4]), strict=True):
            one.update(*batch, half[4])
    wanted = expected(one, [tensor.double() for tensor in half[:4]], half[4].double())
    if metric is PolynomialAlignment:  # the last eigenvalue of rank four in five is rounding in float32
        wanted = {name: value for name, value in wanted.items() if "backward" not in name}
    found = {name: value for name, value in one.compute().items() if name in wanted}
    close(found, wanted, within=1e-3)


def test_wide_layers_are_sketched_within_the_error_that_is_stated():
    samples, weight = layer(n=300, width=300, out=200)
    exact, sketched = make(CanonicalAlignment, 300, 200), make(CanonicalAlignment, 300, 200, limit=64)
    for one in (exact, sketched):
        for batch in zip(*(tensor.split(100) for tensor in samples), strict=True):
            one.update(*batch, weight)
    assert max(matrix.shape[-1] for matrix in sketched.matrices()) == 65
    values, estimates = exact.compute(), sketched.compute()
    for relation in F.CanonicalAlignments._fields:
        error = abs(values[relation] - estimates[relation])
        assert error < 2 * (1 - values[relation] ** 2) * 2 / math.sqrt(64), relation
        baseline = f"{relation}_shuffled"
        assert abs(values[baseline] - estimates[baseline]) < 3 / 64, relation


def test_exponents_survive_a_sketch_of_few_directions():
    generator = torch.Generator().manual_seed(0)
    q = torch.linalg.qr(torch.randn(300, 8, generator=generator, dtype=torch.float64)).Q
    spectrum = torch.logspace(0, 2, 8, dtype=torch.float64)
    draws = torch.randn(2000, 8, generator=generator, dtype=torch.float64)
    h, g = draws * spectrum @ q.mT, draws.flip(0) * spectrum.sqrt() @ q.mT
    weight = (q * spectrum) @ q.mT
    for limit in (300, 128):
        one = make(PolynomialAlignment, 300, 300, limit=limit)
        one.update(h, g, h, g, weight)
        assert one.compute()["forward_gz_exponent"].item() == pytest.approx(0.5, abs=0.2)


def test_the_memory_is_what_is_stated():
    for metric, widths in (
        (CanonicalAlignment(300, 70), (300, 70)),
        (CanonicalAlignment(300, 70, limit=99), (100, 70)),
    ):
        stated = sum(2 * (k + 1) ** 2 + k**2 for k in widths)
        assert sum(getattr(metric, name).numel() for name in metric._defaults) == stated


@every_metric
def test_nothing_seen_is_nan_also_after_reset(metric):
    samples, weight = layer()
    one = make(metric)
    one.update(*samples, weight)
    one.reset()
    with pytest.warns(UserWarning, match="before the ``update`` method"):
        assert all(value.isnan() for value in one.compute().values())
    assert one.is_differentiable is False and one.higher_is_better is None


@every_metric
def test_training_tensors_leave_no_graph_behind(metric):
    samples, weight = layer()
    tracked = [tensor.requires_grad_() for tensor in samples]
    one = make(metric)
    one.update(*tracked, weight.requires_grad_())
    assert not any(value.requires_grad for value in one(*tracked, weight).values())
    assert not any(value.requires_grad for value in one.compute().values())
    assert not any(getattr(one, name).requires_grad for name in one._defaults)
    close(pickle.loads(pickle.dumps(one)).compute(), one.compute())


def test_the_weights_are_those_of_the_latest_update():
    samples, weight = layer()
    one = make(CanonicalAlignment)
    one.update(*samples, weight)
    before = one.compute()["forward_hz"]
    weight.neg_().add_(1)  # an optimizer changes weights in place
    one._computed = None
    assert one.compute()["forward_hz"] == before
    one.update(*samples, weight)
    assert one.compute()["forward_gz"].item() == pytest.approx(
        expected(one, samples, weight)["forward_gz"].item()
    )


def test_a_collection_keeps_raw_and_normalised_apart_and_shares_the_rest():
    samples, weight = layer()
    dead = [torch.zeros_like(tensor) for tensor in samples]  # equal states after the first update
    collection = MetricCollection({metric.__name__: make(metric) for metric in EACH})
    for batch in (dead, samples):
        collection.update(*batch, weight)
    together = [torch.cat(pair) for pair in zip(dead, samples, strict=True)]
    collection.compute()
    for one in collection.values():
        close(one.compute(), expected(one, together, weight))
    assert sorted(map(len, collection.compute_groups.values())) == [1, 2]


@every_metric
def test_plots(metric):
    samples, weight = layer()
    one = make(metric)
    one.update(*samples, weight)
    drawn = [one.plot()]
    if metric is not PolynomialAlignment:
        drawn.append(one.plot([one.compute(), one.compute()]))
    for figure, axis in drawn:
        assert len(axis.lines) > 0
        matplotlib.pyplot.close(figure)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weight": (5, 4)}, r"`weight` must have shape \(4, 5\), got \(5, 4\)"),
        ({"inputs": (60, 4)}, "`weight` must have 4 columns"),
        ({"outputs": (59, 4)}, r"`outputs` must have shape \(60, 4\), got \(59, 4\)"),
        ({"inputs": (5,)}, r"`inputs` must have shape \(\.\.\., n, k\)"),
        ({"mask": (59,)}, r"`mask` must have one entry a sample, got \(59,\)"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    samples, weight = layer()
    names = ("inputs", "input_gradients", "outputs", "output_gradients")
    given = dict(zip(names, samples, strict=True)) | {"weight": weight}
    given |= {name: torch.ones(shape, dtype=torch.float64) for name, shape in change.items()}
    with pytest.raises(ValueError, match=message):
        make(CanonicalAlignment).update(**given)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_features": 0, "out_features": 2}, "`in_features` must be at least 1, got 0"),
        ({"in_features": 2, "out_features": 0}, "`out_features` must be at least 1, got 0"),
        ({"in_features": 2, "out_features": 2, "limit": 1}, "`limit` must be at least 2, got 1"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        CanonicalAlignment(**options)


def test_copies_are_checked():
    samples, weight = layer(copies=(3,))
    one, message = make(CanonicalAlignment, copies=(2,)), r"`inputs` must have shape \(2, '...', 'features'\)"
    for given in ([tensor[0] for tensor in samples], samples):
        with pytest.raises(ValueError, match=message):
            one.update(*given, weight[:2])
