"""What measures of two consecutive layers share: invariances, copies, precision and wrong input."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import alignment, feature_learning, mechanisms

CLOSE = {"rtol": 1e-9, "atol": 1e-9}


@st.composite
def two_looks(draw):
    n, k, m = (draw(st.integers(1, 5)) for _ in range(3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**20)))
    return [
        [torch.randn(n, size, generator=generator, dtype=torch.float64) for size in (k, m)] for _ in range(2)
    ]


def orthogonal(size, generator):
    return torch.linalg.qr(torch.randn(size, size, generator=generator, dtype=torch.float64)).Q


def random_looks(seed=0, copies=(), sizes=(4, 3, 2)):
    generator = torch.Generator().manual_seed(seed)
    n, k, m = sizes
    return [[torch.randn(*copies, n, size, generator=generator) for size in (k, m)] for _ in range(2)]


MEASURES = {
    "alignment": lambda before, after: alignment(*after),
    "growth": lambda before, after: mechanisms(before, after).growth,
    "rescaling": lambda before, after: mechanisms(before, after).rescaling,
    "aligning": lambda before, after: mechanisms(before, after).alignment,
    "feature_learning": feature_learning,
}
every_measure = pytest.mark.parametrize("name", MEASURES)


@every_measure
@settings(deadline=None, max_examples=30)
@given(looks=two_looks(), seed=st.integers(0, 2**20))
def test_invariant_under_orthogonal_matrices_on_units_inputs_and_outputs(name, looks, seed):
    generator = torch.Generator().manual_seed(seed)
    n, k = looks[0][0].shape
    units = orthogonal(n, generator)[torch.randperm(n, generator=generator)]
    inputs, outputs = orthogonal(k, generator), orthogonal(looks[0][1].shape[1], generator)
    moved = [[units @ writers @ inputs, units @ readers @ outputs] for writers, readers in looks]
    measure = MEASURES[name]
    torch.testing.assert_close(measure(*moved), measure(*looks), rtol=1e-6, atol=1e-7)


@every_measure
@settings(deadline=None, max_examples=30)
@given(looks=two_looks(), seed=st.integers(0, 2**20))
def test_invariant_under_permutations_of_units(name, looks, seed):
    order = torch.randperm(len(looks[0][0]), generator=torch.Generator().manual_seed(seed))
    moved = [[leg[order] for leg in look] for look in looks]
    measure = MEASURES[name]
    torch.testing.assert_close(measure(*moved), measure(*looks), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["alignment", "growth", "rescaling", "aligning"])
@settings(deadline=None, max_examples=30)
@given(looks=two_looks(), scales=st.tuples(*[st.sampled_from([-3.0, 0.01, 20.0])] * 2))
def test_invariant_under_the_scale_of_a_layer(name, looks, scales):
    moved = [[scale * leg for leg, scale in zip(look, scales, strict=True)] for look in looks]
    measure = MEASURES[name]
    torch.testing.assert_close(measure(*moved), measure(*looks), **CLOSE)


@settings(deadline=None, max_examples=30)
@given(looks=two_looks(), seed=st.integers(0, 2**20))
def test_growth_alone_is_invariant_under_the_general_linear_group(looks, seed):
    n = len(looks[0][0])
    element = (
        torch.eye(n) + torch.randn(n, n, generator=torch.Generator().manual_seed(seed)).double().tanh() / 5
    )
    inverse = torch.linalg.inv(element).mT
    moved = [[element @ writers, inverse @ readers] for writers, readers in looks]
    torch.testing.assert_close(mechanisms(*moved).growth, mechanisms(*looks).growth, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["alignment", "rescaling", "aligning", "feature_learning"])
def test_not_invariant_under_scalings_of_single_units(name):
    looks = random_looks()
    scales = torch.tensor([1.0, 3.0, 0.5, 1.0]).unsqueeze(-1)
    moved = [[scales * writers, readers / scales] for writers, readers in looks]
    measure = MEASURES[name]
    assert (measure(*moved) - measure(*looks)).abs() > 1e-2


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1e30])
def test_nothing_over_or_underflows_in_float32(scale):
    looks = random_looks()
    scaled = [[scale * leg for leg in look] for look in looks]
    for measure in MEASURES.values():
        torch.testing.assert_close(measure(*scaled), measure(*looks), rtol=1e-5, atol=1e-6)
    apart = [[scale * writers, readers / scale] for writers, readers in looks]
    for name in ("alignment", "growth", "rescaling", "aligning"):
        torch.testing.assert_close(MEASURES[name](*apart), MEASURES[name](*looks), rtol=1e-5, atol=1e-6)


@every_measure
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("leg", [0, 1])
def test_copies_are_measured_one_by_one_and_a_broken_one_is_nan(name, bad, leg):
    looks = random_looks(copies=(2, 3))
    looks[1][leg][1, 2, 0, 0] = bad
    batched = MEASURES[name](*looks)
    assert batched.shape == (2, 3)
    assert batched[1, 2].isnan()
    for i, j in ((0, 0), (0, 2), (1, 1)):
        alone = MEASURES[name](*[[part[i, j] for part in look] for look in looks])
        assert alone.isfinite()
        torch.testing.assert_close(batched[i, j], alone)


@pytest.mark.parametrize("look", [0, 1])
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_either_look_can_break_all_parts(look, bad):
    looks = random_looks()
    looks[look][0][0, 0] = bad
    assert all(part.isnan() for part in mechanisms(*looks))
    assert feature_learning(*looks).isnan()


def test_zero_weights():
    looks = random_looks()
    zero = [torch.zeros_like(leg) for leg in looks[0]]
    half = [looks[0][0], zero[1]]
    assert alignment(*zero) == alignment(*half) == 0
    for pair in ((zero, looks[1]), (looks[0], zero), (zero, zero), (half, looks[1]), (looks[0], half)):
        assert all(part.isnan() for part in mechanisms(*pair))
    for pair in ((zero, looks[1]), (looks[0], zero), (zero, zero)):
        assert feature_learning(*pair).isnan()
    assert feature_learning(half, half) == 0  # such as an adapter at initialisation
    assert feature_learning(half, looks[1]).isfinite()


@every_measure
def test_layers_without_columns_are_zero(name):
    looks = [[torch.zeros(4, 3), torch.zeros(4, 0)]] * 2
    value = MEASURES[name](*looks)
    assert value == 0 if name == "alignment" else value.isnan()


def test_one_unit_is_always_aligned():
    before, after = random_looks(sizes=(1, 3, 2))
    torch.testing.assert_close(alignment(*before), torch.tensor(1.0))
    growth, rescaling, aligning = mechanisms(before, after)
    torch.testing.assert_close(growth, rescaling)
    torch.testing.assert_close(aligning, torch.tensor(0.0))


@every_measure
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_half_precision_is_summed_in_float32(name, dtype):
    # Halves are exact in every dtype: the same numbers go in, so the same numbers have to come out.
    looks = [[leg.mul(2).round().div(2) for leg in look] for look in random_looks(copies=(2,))]
    value = MEASURES[name](*[[leg.to(dtype) for leg in look] for look in looks])
    assert value.dtype == torch.promote_types(dtype, torch.float32)
    exact = MEASURES[name](*[[leg.double() for leg in look] for look in looks])
    torch.testing.assert_close(value.double(), exact, rtol=1e-5, atol=1e-5)


@every_measure
def test_nothing_waits_for_values_and_autocast_does_not_reach_inside(name):
    looks, measure = random_looks(copies=(2,)), MEASURES[name]
    assert measure(*[[leg.to("meta") for leg in look] for look in looks]).shape == (2,)
    plain = measure(*looks)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(measure(*looks), plain)


@pytest.mark.parametrize("measure", [mechanisms, feature_learning])
@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ([(3, 2)], [(3, 2), (3, 2)], "`before` must hold two tensors, writers and readers, got 1"),
        ([(3, 2), (3, 2)], [(3, 2)] * 3, "`after` must hold two tensors, writers and readers, got 3"),
        ([(3, 2), (4, 2)], [(3, 2), (3, 2)], r"`before\[1\]` must agree with `before\[0\]`"),
        (
            [(3, 2), (3, 1)],
            [(3, 2), (3, 2)],
            r"`after` must have the shapes of `before`, got .*\(3, 2\)\] for",
        ),
    ],
)
def test_looks_that_do_not_fit_are_refused(measure, before, after, message):
    with pytest.raises(ValueError, match=message):
        measure([torch.ones(shape) for shape in before], [torch.ones(shape) for shape in after])
