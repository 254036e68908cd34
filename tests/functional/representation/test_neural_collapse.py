import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from lightning_symmetry.functional import neural_collapse

from .labelled import labelled, normal, rotation, simplex


def reference(features, labels, classes, weight, bias):
    """The definitions of Papyan et al., written out."""
    h, y, w, b = (tensor.double().numpy() for tensor in (features, labels, weight, bias))
    means = np.stack([h[y == k].mean(axis=0) for k in range(classes)])
    centred = means - means.mean(axis=0)
    within = sum(np.outer(x - means[int(k)], x - means[int(k)]) for x, k in zip(h, y, strict=True)) / len(h)
    between = sum(np.outer(m, m) for m in centred) / classes
    # the inverse on the K − 1 directions that K means span, as in their code
    values, vectors = np.linalg.eigh(between)
    rank = min(classes - 1, h.shape[1])
    values, vectors = values[-rank:], vectors[:, -rank:]
    inverse = vectors @ np.diag(1 / values) @ vectors.T

    def shape(rows):
        lengths = np.linalg.norm(rows, axis=1)
        cosines = [
            rows[i] @ rows[j] / (lengths[i] * lengths[j])
            for i in range(classes)
            for j in range(classes)
            if i != j
        ]
        gram = rows @ rows.T
        ideal = (np.eye(classes) - np.ones((classes, classes)) / classes) / math.sqrt(classes - 1)
        return [
            lengths.std() / lengths.mean(),
            np.mean(np.abs(np.array(cosines) + 1 / (classes - 1))),
            np.linalg.norm(gram / np.linalg.norm(gram) - ideal),
        ]

    decisions = (h @ w.T + b).argmax(axis=1)
    nearest = ((h[:, None] - means) ** 2).sum(axis=-1).argmin(axis=1)
    return [
        np.trace(within @ inverse) / classes,
        np.trace(within) / np.trace(between),
        *shape(centred),
        *shape(w),
        np.linalg.norm(w / np.linalg.norm(w) - centred / np.linalg.norm(centred)),
        (decisions != nearest).mean(),
    ]


@settings(deadline=None, max_examples=60)
@given(labelled())
def test_all_four_follow_the_definition(case):
    features, labels, classes, weight = case
    bias = normal(classes, seed=9)
    found = neural_collapse(features, labels, classes, weight, bias)
    expected = reference(features, labels, classes, weight, bias)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@settings(deadline=None, max_examples=40)
@given(labelled(), st.integers(0, 2**20))
def test_rotation_shift_scale_and_order_change_nothing(case, seed):
    features, labels, classes, weight = case
    features = features - features.mean(dim=0)  # so that a shift does not change what the classifier decides
    before = neural_collapse(features, labels, classes, weight)
    turn = rotation(features.shape[1], seed)
    generator = torch.Generator().manual_seed(seed)
    order, names = (
        torch.randperm(len(labels), generator=generator),
        torch.randperm(classes, generator=generator),
    )
    moved = 7 * (features @ turn)[order]
    after = neural_collapse(moved, names[labels[order]], classes, (weight @ turn)[names.argsort()])
    torch.testing.assert_close(after, before, rtol=1e-7, atol=1e-8)
    shifted = neural_collapse(features + 5, labels, classes, weight)
    torch.testing.assert_close(shifted[:-1], before[:-1], rtol=1e-7, atol=1e-8)


@settings(deadline=None, max_examples=30)
@given(labelled(), st.integers(0, 2**20))
def test_an_invertible_map_leaves_nc1_alone(case, seed):
    # where the means span all directions: otherwise the pseudo-inverse depends on the metric
    features, labels, classes, _ = case
    size = min(features.shape[1], classes - 1)
    features = features[:, :size]
    change = torch.eye(size, dtype=torch.float64) + 0.2 * rotation(size, seed)
    before = neural_collapse(features, labels, classes).nc1
    torch.testing.assert_close(
        neural_collapse(features @ change, labels, classes).nc1, before, rtol=1e-6, atol=0
    )


@pytest.mark.parametrize("offset", [0.0, 1e4])
@pytest.mark.parametrize("classes", [2, 3, 10])
def test_full_collapse_is_zero(classes, offset):
    means, labels = simplex(classes, 12), torch.arange(5 * classes) % classes
    found = neural_collapse(
        means[labels] + offset, labels, classes, 3 * means, -3 * offset * means.sum(dim=-1)
    )
    # what is left is rounding, relative to the offset
    assert max(found) < 1e-7 if offset else max(found) < 1e-13
    assert found.nc1 < 1e-15


def test_a_classifier_of_orthogonal_rows_is_as_far_as_that_from_a_simplex():
    weight, labels = torch.eye(4, dtype=torch.float64), torch.arange(8) % 4
    found = neural_collapse(simplex(4, 4)[labels], labels, 4, weight)
    assert found.nc2_classifier_equinorm == 0
    assert found.nc2_classifier_equiangularity.item() == pytest.approx(1 / 3)
    # the inner product of I/2 with the simplex is sqrt(3)/2
    assert found.nc2_classifier_etf_distance.item() == pytest.approx(math.sqrt(2 - math.sqrt(3)))


def test_classes_without_samples_are_left_out():
    features, labels = normal(20, 4, seed=0), torch.arange(20) % 3
    weight = normal(3, 4, seed=1)
    spread, places = torch.full((5, 4), 1e-9, dtype=torch.float64), torch.tensor([1, 2, 4])
    spread[places] = weight
    found = neural_collapse(features, places[labels], 5, spread)
    torch.testing.assert_close(found[:-1], neural_collapse(features, labels, 3, weight)[:-1])
    assert found.nc4.isfinite()


@pytest.mark.parametrize(
    ("features", "labels"),
    [
        (normal(6, 3, seed=0), torch.zeros(6, dtype=torch.long)),  # one class only
        (normal(1, 3, seed=0), torch.tensor([1])),  # a batch of one
        (torch.full((6, 3), 0.1, dtype=torch.float64), torch.arange(6) % 2),  # constant features
        (torch.zeros(6, 3, dtype=torch.float64), torch.arange(6) % 2),
        (normal(6, 3, seed=0), torch.full((6,), -1)),  # no labels
        (normal(0, 3, seed=0), torch.zeros(0, dtype=torch.long)),
        (normal(6, 3, seed=0), torch.arange(6)),  # a label that is too large
        (torch.full((6, 3), math.nan, dtype=torch.float64), torch.arange(6) % 2),
        (torch.full((6, 3), math.inf, dtype=torch.float64), torch.arange(6) % 2),
    ],
)
def test_where_there_is_nothing_to_compare_the_result_is_nan(features, labels):
    found = neural_collapse(features, labels, 3, normal(3, 3, seed=1), torch.zeros(3))
    assert all(value.isnan() for value in found)


def test_one_sample_a_class_has_no_variability():
    found = neural_collapse(normal(3, 4, seed=0), torch.arange(3), 3)
    assert found.nc1 == 0 and found.nc1_trace_ratio == 0 and found.nc2_etf_distance > 0
    assert found.nc3.isnan() and found.nc4.isnan() and found.nc2_classifier_equinorm.isnan()


def test_wrong_classifiers_are_refused():
    features, labels = torch.ones(4, 3), torch.zeros(4, dtype=torch.long)
    with pytest.raises(ValueError, match=r"`weight` must have shape \(2, 3\), got \(3, 2\)"):
        neural_collapse(features, labels, 2, torch.ones(3, 2))
    with pytest.raises(ValueError, match="`bias` must come with a weight"):
        neural_collapse(features, labels, 2, bias=torch.ones(2))
    with pytest.raises(ValueError, match=r"`bias` must have shape \(2,\), got \(3,\)"):
        neural_collapse(features, labels, 2, torch.ones(2, 3), torch.ones(3))


def test_copies_are_measured_one_by_one():
    features, labels = normal(2, 12, 3, seed=0), torch.arange(12).expand(2, 12) % 3
    weight = normal(2, 3, 3, seed=1)
    features[1, 0, 0] = math.nan
    batched = neural_collapse(features, labels, 3, weight)
    torch.testing.assert_close(
        [v[0] for v in batched], [*neural_collapse(features[0], labels[0], 3, weight[0])]
    )
    assert all(value[1].isnan() for value in batched[:5])


def test_collapse_grows_through_training_on_digits():
    data = load_digits()
    inputs, labels = torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)
    torch.manual_seed(0)
    body = torch.nn.Sequential(
        torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 16), torch.nn.ReLU()
    )
    head = torch.nn.Linear(16, 10)
    optimizer = torch.optim.Adam([*body.parameters(), *head.parameters()], 1e-2)
    looks = []
    for step in range(201):
        features = body(inputs)
        if step % 100 == 0:
            looks.append(neural_collapse(features, labels, 10, head.weight, head.bias))
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(head(features), labels).backward()
        optimizer.step()
    variability = [look.nc1.item() for look in looks]
    assert variability == sorted(variability, reverse=True)
    assert variability[-1] < variability[0] / 10
    assert looks[-1].nc3 < looks[0].nc3 and looks[-1].nc4 < looks[0].nc4 / 10
