import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import _lower_products, dead_units, distinct_units

MODULO = ["nothing", "sign", "positive_scaling", "scaling"]


def norm(row):
    return math.sqrt(math.fsum(x * x for x in row))


def reference_alive(rows, threshold):
    largest = max(norm(row) for row in rows)
    return [norm(row) > 0 and norm(row) >= threshold * largest for row in rows]


def reference_distinct(matrix, threshold, modulo):
    rows = matrix.tolist()
    rows = [row for row, alive in zip(rows, reference_alive(rows, 0.1), strict=True) if alive]
    if modulo in ("positive_scaling", "scaling"):
        rows = [[x / norm(row) for x in row] for row in rows]
    signs = (1, -1) if modulo in ("sign", "scaling") else (1,)
    total = 0.0
    for a in rows:
        alike = 0
        for b in rows:
            gap = min(norm([x - sign * y for x, y in zip(a, b, strict=True)]) ** 2 for sign in signs)
            alike += 2 * gap / (norm(a) ** 2 + norm(b) ** 2) < threshold
        total += 1 / alike
    return total


@st.composite
def spaces(draw):
    """Units near a few centres, so that some are alike, with scales and signs of their own."""
    seed, n, k = draw(st.integers(0, 2**20)), draw(st.integers(1, 12)), draw(st.integers(1, 5))
    generator = torch.Generator().manual_seed(seed)
    centres = torch.randn(draw(st.integers(1, 4)), k, generator=generator, dtype=torch.float64)
    chosen = centres[torch.randint(len(centres), (n,), generator=generator)]
    noise = torch.randn(n, k, generator=generator, dtype=torch.float64)
    scale = torch.randn(n, 1, generator=generator, dtype=torch.float64).mul(1.5).exp()
    sign = torch.randint(2, (n, 1), generator=generator) * 2.0 - 1
    return (chosen + 0.2 * noise) * (scale * sign if draw(st.booleans()) else 1.0)


@settings(deadline=None, max_examples=60)
@given(spaces(), st.sampled_from([0.0, 0.1, 0.5, 1.0]))
def test_dead_units_count_small_norms(matrix, threshold):
    assert dead_units(matrix, threshold) == reference_alive(matrix.tolist(), threshold).count(False)


@settings(deadline=None, max_examples=60)
@given(spaces(), st.sampled_from(MODULO), st.sampled_from([0.01, 0.1, 1.0, 3.0]))
def test_distinct_units_follow_the_definition(matrix, modulo, threshold):
    expected = reference_distinct(matrix, threshold, modulo)
    assert distinct_units(matrix, threshold, modulo=modulo).item() == pytest.approx(expected)


@settings(deadline=None, max_examples=40)
@given(spaces(), st.sampled_from(MODULO), st.integers(0, 2**20))
def test_both_counts_are_invariant_under_permutations_rotations_and_global_scale(matrix, modulo, seed):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(matrix), generator=generator)
    width = matrix.shape[1]
    rotation = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64)).Q
    moved = 1e-30 * matrix[order] @ rotation
    assert dead_units(moved) == dead_units(matrix)
    torch.testing.assert_close(distinct_units(moved, modulo=modulo), distinct_units(matrix, modulo=modulo))


@settings(deadline=None, max_examples=40)
@given(spaces(), st.integers(0, 2**20))
def test_distinct_units_are_invariant_under_the_group_they_are_counted_modulo(matrix, seed):
    generator = torch.Generator().manual_seed(seed)
    sign = torch.randint(2, (len(matrix), 1), generator=generator) * 2.0 - 1
    scale = torch.randn(len(matrix), 1, generator=generator, dtype=torch.float64).mul(4).exp()
    sizes = matrix.norm(dim=1)
    for modulo, element in [("sign", sign), ("positive_scaling", scale), ("scaling", sign * scale)]:
        before = distinct_units(matrix, modulo=modulo, sizes=sizes)
        torch.testing.assert_close(distinct_units(element * matrix, modulo=modulo, sizes=sizes), before)


@settings(deadline=None, max_examples=40)
@given(spaces(), st.sampled_from(MODULO))
def test_distinct_units_lie_between_one_and_the_living(matrix, modulo):
    count = distinct_units(matrix, modulo=modulo)
    assert 1 - 1e-9 <= count <= len(matrix) - dead_units(matrix) + 1e-9


@pytest.mark.parametrize("clusters", [1, 2, 7, 16])
@pytest.mark.parametrize("modulo", MODULO)
def test_exact_duplicates_count_once(clusters, modulo):
    generator = torch.Generator().manual_seed(clusters)
    centres = torch.randn(clusters, 400, generator=generator)
    members = centres.repeat_interleave(torch.arange(1, clusters + 1), dim=0)
    element = {"sign": -1.0, "positive_scaling": 3.0, "scaling": -3.0}.get(modulo, 1.0)
    members[::2] *= element
    count = distinct_units(members, modulo=modulo)
    assert count.item() == pytest.approx(clusters, rel=1e-5)


def test_noise_in_dead_units_is_not_counted():
    generator = torch.Generator().manual_seed(0)
    living = torch.eye(3, 8)
    noise = 1e-3 * torch.randn(20, 8, generator=generator)
    both = torch.cat([living, noise])
    for modulo in MODULO:
        assert distinct_units(both, modulo=modulo).item() == pytest.approx(3)


def test_sizes_decide_who_is_alive():
    incoming, outgoing = torch.tensor([[1e-3, 0.0], [0.0, 1e3]]), torch.tensor([[1e3], [1e-3]])
    assert distinct_units(incoming, modulo="positive_scaling") == 1
    sizes = incoming.norm(dim=1) * outgoing.norm(dim=1)
    assert distinct_units(incoming, modulo="positive_scaling", sizes=sizes) == 2
    assert dead_units(sizes.unsqueeze(-1)) == 0


@pytest.mark.parametrize("modulo", MODULO)
def test_a_unit_without_direction_is_dead_whatever_its_size(modulo):
    assert (
        distinct_units(torch.eye(3)[:2] * torch.tensor([[1.0], [0.0]]), modulo=modulo, sizes=torch.ones(2))
        == 1
    )


def test_blocks_of_rows_give_the_same_count(monkeypatch):
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(3, 5, 4, generator=generator).repeat(1, 10, 1)
    whole = distinct_units(matrix)
    monkeypatch.setattr(_lower_products, "AT_ONCE", 7 * 3 * 50)
    torch.testing.assert_close(distinct_units(matrix), whole)


def test_copies_are_measured_one_by_one():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(2, 3, 6, 2, generator=generator)
    matrix[0, 1] *= 1e-6
    for count in (dead_units, distinct_units):
        batched = count(matrix)
        assert batched.shape == (2, 3)
        for i in range(2):
            for j in range(3):
                torch.testing.assert_close(batched[i, j], count(matrix[i, j]))


@pytest.mark.parametrize("shape", [(4, 3), (1, 3), (4, 0)])
def test_zero_weights_are_dead(shape):
    assert dead_units(torch.zeros(shape)) == shape[0]
    for modulo in MODULO:
        assert distinct_units(torch.zeros(shape), modulo=modulo) == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_one_copy_that_is_not_finite_gives_nan_alone(bad):
    matrix = torch.eye(3).repeat(2, 1, 1)
    matrix[1, 0, 2] = bad
    assert dead_units(matrix).isnan().tolist() == [False, True]
    for modulo in MODULO:
        assert distinct_units(matrix, modulo=modulo).isnan().tolist() == [False, True]
        given_sizes = distinct_units(matrix, modulo=modulo, sizes=torch.ones(2, 3))
        assert given_sizes.isnan().tolist() == [False, True]
    sizes = torch.tensor([[1.0, 1.0, 1.0], [1.0, bad, 1.0]])
    assert distinct_units(torch.eye(3).repeat(2, 1, 1), sizes=sizes).isnan().tolist() == [False, True]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"threshold": 0.0}, r"`threshold` must be positive, got 0\.0"),
        ({"threshold": math.nan}, "`threshold` must be positive, got nan"),
        ({"dead_threshold": -1}, "`dead_threshold` must be at least 0, got -1"),
        ({"modulo": "rotation"}, r"`modulo` must be one of nothing, sign, .*got 'rotation'"),
        (
            {"sizes": torch.ones(2)},
            r"`sizes` must be floating-point of shape \(3,\).*got torch.float32 of shape",
        ),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        distinct_units(torch.eye(3), **arguments)


def test_a_negative_threshold_is_refused():
    with pytest.raises(ValueError, match=r"`threshold` must be at least 0, got -0\.1"):
        dead_units(torch.eye(3), -0.1)
