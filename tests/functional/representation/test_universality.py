"""Universality measures follow their definitions and keep to their invariances."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry import functional as F

from . import references

MEASURES = {
    "linear_cka": F.linear_cka,
    "unbiased_linear_cka": F.unbiased_linear_cka,
    "unbiased_rbf_cka": F.unbiased_rbf_cka,
    "mutual_nearest_neighbours": lambda a, b: F.mutual_nearest_neighbours(a, b, 3),
    "procrustes_similarity": F.procrustes_similarity,
    "procrustes_distance": F.procrustes_distance,
    "inner_product_correlation": F.inner_product_correlation,
    "inner_product_error": F.inner_product_error,
}
REFERENCES = {name: getattr(references, name) for name in MEASURES}
REFERENCES["mutual_nearest_neighbours"] = lambda a, b: references.mutual_nearest_neighbours(a, b, 3)
# What identical features give, and what a side does that is constant.
SAME = {name: 0.0 if name in {"procrustes_distance", "inner_product_error"} else 1.0 for name in MEASURES}
UNRELATED = dict.fromkeys(MEASURES, 0.0) | {"procrustes_distance": math.pi / 2}
SHIFTED = ["linear_cka", "unbiased_linear_cka", "unbiased_rbf_cka", "procrustes_similarity"]
every_measure = pytest.mark.parametrize("name", MEASURES)
# A root or an arc cosine of rounding is larger than the rounding.
ABSOLUTE = {"procrustes_distance": 1e-6, "inner_product_error": 1e-6}


def features(seed, n=12, widths=(3, 5), shared=0.5):
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(n, 2, generator=generator, dtype=torch.float64)
    sides = []
    for width in widths:
        mixing = torch.randn(2, width, generator=generator, dtype=torch.float64)
        noise = torch.randn(n, width, generator=generator, dtype=torch.float64)
        sides.append(shared * common @ mixing + noise + torch.randn(width, generator=generator))
    return sides


@st.composite
def pairs(draw):
    widths = draw(st.integers(1, 20)), draw(st.integers(1, 20))  # wider and narrower than n
    return features(draw(st.integers(0, 2**20)), draw(st.integers(5, 14)), widths)


def rotation(width, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64)).Q


@every_measure
@settings(deadline=None, max_examples=30)
@given(pairs())
def test_every_measure_follows_its_definition(name, pair):
    if name == "mutual_nearest_neighbours" and min(side.shape[1] for side in pair) == 1:
        return  # cosines of numbers are all equal: the choice is tested below
    expected = REFERENCES[name](*(side.numpy() for side in pair))
    found = MEASURES[name](*pair)
    assert found.item() == pytest.approx(expected, abs=max(1e-10, ABSOLUTE.get(name, 0)))


@every_measure
@settings(deadline=None, max_examples=20)
@given(pairs(), st.integers(0, 2**20), st.sampled_from([1e-40, 1e-3, 7.0, 1e40]))
def test_rotations_scales_and_the_order_of_samples_change_nothing(name, pair, seed, scale):
    a, b = pair
    order = torch.randperm(len(a), generator=torch.Generator().manual_seed(seed))
    value = MEASURES[name](a, b)
    tolerance = {"rtol": 0, "atol": max(1e-10, ABSOLUTE.get(name, 0))}
    torch.testing.assert_close(MEASURES[name](scale * a @ rotation(a.shape[1], seed), b), value, **tolerance)
    torch.testing.assert_close(MEASURES[name](a, scale * b @ rotation(b.shape[1], seed)), value, **tolerance)
    torch.testing.assert_close(MEASURES[name](a[order], b[order]), value, **tolerance)
    torch.testing.assert_close(MEASURES[name](b, a), value, **tolerance)


@pytest.mark.parametrize("name", SHIFTED)
def test_a_shift_of_a_side_changes_nothing_where_features_are_centred(name):
    a, b = features(0)
    torch.testing.assert_close(MEASURES[name](a + 100, b - 3), MEASURES[name](a, b), rtol=0, atol=1e-9)


@every_measure
@pytest.mark.parametrize("width", [2, 6, 30])
def test_identical_features_agree_up_to_a_rotation(name, width):
    a, _ = features(1, widths=(width, 1))
    for b in (a, 2 * a @ rotation(width, 3)):
        assert MEASURES[name](a, b).item() == pytest.approx(SAME[name], abs=1e-7)
    # zero padding is a rotation into a wider space
    assert MEASURES[name](a, torch.nn.functional.pad(a, (0, 4))).item() == pytest.approx(SAME[name], abs=1e-7)


def test_independent_features_of_many_dimensions():
    generator = torch.Generator().manual_seed(0)
    draws = torch.randn(2, 100, 64, 512, generator=generator)
    biased, unbiased = F.linear_cka(*draws), F.unbiased_linear_cka(*draws)
    # .892 was measured of one pair, and pairs differ by .0036: their mean is .889
    assert biased.std().item() == pytest.approx(0.0036, rel=0.2)
    assert abs(biased.mean() - 0.892) < 2 * biased.std()
    # the mean of 100, each with a deviation of about 0.022
    assert unbiased.std().item() == pytest.approx(0.022, rel=0.25)
    assert unbiased.mean().abs() < 4 * unbiased.std() / math.sqrt(100)
    assert F.unbiased_rbf_cka(*draws[:, :10]).mean().abs() < 0.02


def test_unrelated_neighbours_are_shared_by_chance():
    generator = torch.Generator().manual_seed(0)
    a, b = torch.randn(2, 500, 81, 8, generator=generator)
    chance = F.mutual_nearest_neighbours_chance(81, 8)
    assert chance == pytest.approx(0.1)
    shares = F.mutual_nearest_neighbours(a, b, 8)
    assert (shares.mean() - chance).abs() < 3 * shares.std() / math.sqrt(500) < 0.003


@every_measure
@pytest.mark.parametrize("value", [0.0, 0.1, 1e30])
def test_a_constant_side_agrees_with_nothing(name, value):
    a, _ = features(0, n=11)
    constant = torch.full((11, 4), value, dtype=torch.float32)
    expected = UNRELATED[name]
    if name == "mutual_nearest_neighbours":
        expected = F.mutual_nearest_neighbours_chance(11, 3)
    if name == "inner_product_error":  # constant inner products, as good as the mean of the others
        expected = REFERENCES[name](a.numpy(), np.ones((11, 4))) if value else 1.0
    for pair in ((a.float(), constant), (constant, a.float())):
        assert MEASURES[name](*pair).item() == pytest.approx(expected, abs=1e-5)


@every_measure
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("row", [0, 5])
def test_features_that_are_not_finite_give_nan_for_their_copy_alone(name, bad, row):
    a, b = (torch.stack([side, side]).float() for side in features(0))
    a[1, row, 1] = bad
    for pair in ((a, b), (b, a)):
        assert MEASURES[name](*pair).isnan().tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("linear_cka", 1),
        ("procrustes_similarity", 1),
        ("procrustes_distance", 1),
        ("unbiased_linear_cka", 4),
        ("unbiased_rbf_cka", 4),
        ("inner_product_correlation", 2),
        ("inner_product_error", 2),
    ],
)
def test_too_few_samples_are_refused(name, least):
    a, b = features(0)
    assert MEASURES[name](a[:least], b[:least]).isfinite()
    if least > 1:
        message = f"`a` must hold at least {least} samples, got {least - 1}"
        with pytest.raises(ValueError, match=message):
            MEASURES[name](a[: least - 1], b[: least - 1])


def test_a_single_sample_is_a_constant():
    a, b = torch.ones(1, 3), torch.ones(1, 2)
    assert F.linear_cka(a, b) == 0
    assert F.procrustes_similarity(a, b) == 0


@every_measure
def test_different_samples_are_refused(name):
    message = r"`b` must agree with `a` in all dimensions but the last, got \(6, 3\) and \(5, 3\)"
    with pytest.raises(ValueError, match=message):
        MEASURES[name](torch.ones(5, 3), torch.ones(6, 3))


def test_settings_are_checked():
    a, b = features(0)
    with pytest.raises(ValueError, match="`fraction` must be positive, got 0"):
        F.unbiased_rbf_cka(a, b, 0)
    for neighbours in (0, 12):
        with pytest.raises(ValueError, match=f"`neighbours` must be at least 1 and less than .*{neighbours}"):
            F.mutual_nearest_neighbours(a, b, neighbours)
        with pytest.raises(ValueError, match="`neighbours` must be at least 1"):
            F.mutual_nearest_neighbours_chance(12, neighbours)


def test_neighbours_that_are_equally_near_are_chosen_at_random():
    # one near neighbour, then four that are equally near, of which one more is chosen
    a = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0], [0.0, 1.0]])
    chance = torch.tensor([1, 0.25, 0.25, 0.25, 0.25])  # for the first sample, of the others
    others = torch.tensor([1 / 3 * 2] * 3)  # for one of the four, its three equals
    expected = (2 * (chance**2).sum() + 4 * (others**2).sum()) / (6 * 2)
    torch.testing.assert_close(F.mutual_nearest_neighbours(a, a, 2), expected)


def test_neighbours_block_by_block(monkeypatch):
    a, b = features(0, n=40)
    whole = F.mutual_nearest_neighbours(a, b, 5)
    monkeypatch.setattr("lightning_symmetry.functional.representation.mutual_neighbours._ENTRIES", 120)
    assert F.mutual_nearest_neighbours(a, b, 5) == whole


def test_one_sample_apart_from_equal_others_leaves_nothing_unbiased():
    a = torch.zeros(8, 3)
    a[2] = 5.0
    _, b = features(0, n=8)
    assert F.unbiased_linear_cka(a, a) == 0
    assert F.unbiased_linear_cka(a, b.float()) == 0


@pytest.mark.parametrize(
    "measure",
    [
        F.linear_cka,
        F.unbiased_linear_cka,
        F.inner_product_correlation,
        F.inner_product_error,
    ],
)
@pytest.mark.parametrize("widths", [(3, 4), (9, 8)])
def test_gradients_agree_with_finite_differences(measure, widths):
    a, b = features(0, n=6, widths=widths)
    assert torch.autograd.gradcheck(measure, (a.requires_grad_(), b.requires_grad_()))


@every_measure
def test_gradients_where_there_are_any_are_finite_for_equal_and_constant_features(name):
    a, _ = features(0)
    for b in (a.clone(), torch.ones_like(a)):
        leaf = a.clone().requires_grad_()
        value = MEASURES[name](leaf, b)
        if value.requires_grad:
            value.backward()
            assert leaf.grad.isfinite().all()
