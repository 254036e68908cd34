import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from sklearn.model_selection import LeaveOneOut, cross_val_score
from sklearn.neighbors import NearestCentroid

from lightning_symmetry.functional import nearest_centre_accuracy, nearest_centre_disagreement, separability

from .labelled import labelled, normal


@settings(deadline=None, max_examples=6)
@given(labelled())
def test_leave_one_out_is_that_of_scikit_learn(case):
    features, labels, classes, _ = case
    expected = cross_val_score(NearestCentroid(), features.numpy(), labels.numpy(), cv=LeaveOneOut()).mean()
    assert separability(features, labels, classes).accuracy.item() == pytest.approx(expected)


@settings(deadline=None, max_examples=40)
@given(labelled())
def test_disagreement_is_that_with_scikit_learn(case):
    features, labels, classes, weight = case
    nearest = NearestCentroid().fit(features.numpy(), labels.numpy()).predict(features.numpy())
    decisions = (features @ weight.mT).argmax(dim=-1)
    centres = torch.stack([features[labels == k].mean(dim=0) for k in range(classes)])
    found = nearest_centre_disagreement(features, decisions, centres)
    assert found.item() == pytest.approx((nearest != decisions.numpy()).mean())


def test_a_centre_without_samples_is_never_the_nearest():
    centres = torch.tensor([[0.0], [math.nan], [10.0]])
    features = torch.tensor([[1.0], [9.0]])
    assert nearest_centre_disagreement(features, torch.tensor([0, 2]), centres) == 0
    assert nearest_centre_disagreement(features, torch.tensor([1, 1]), centres) == 1
    assert nearest_centre_disagreement(features, torch.tensor([0, 0]), torch.full((2, 1), math.nan)).isnan()


def test_near_points_far_from_zero_are_told_apart():
    centres = 1e4 + torch.tensor([[0.0, 0.0], [0.01, 0.0]], dtype=torch.float32)
    features = centres.repeat(3, 1)
    assert nearest_centre_disagreement(features, torch.arange(6) % 2, centres) == 0


def test_a_sample_alone_in_its_class_is_not_found():
    features, labels = torch.tensor([[0.0], [0.0], [9.0]]), torch.tensor([0, 0, 1])
    assert separability(features, labels, 2).accuracy.item() == pytest.approx(2 / 3)


def test_samples_without_a_class_are_left_out():
    features, labels = normal(12, 3, seed=0), torch.arange(12) % 3
    centres, counts = normal(3, 3, seed=1), torch.tensor([4.0, 4.0, 4.0])
    kept = [function(features[4:], labels[4:]) for function in both(centres, counts)]
    labels[:4], features[0] = -100, math.nan
    assert [function(features, labels) for function in both(centres, counts)] == kept
    labels[:] = -1
    assert all(function(features, labels).isnan() for function in both(centres, counts))


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_features_that_are_not_finite_have_no_share(bad):
    features, labels = normal(6, 2, seed=0), torch.arange(6) % 2
    features[3, 1] = bad
    for function in both(torch.eye(2), torch.ones(2) * 3):
        assert function(features, labels).isnan()


def test_centres_have_to_fit():
    features, labels = torch.ones(3, 2), torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match="`centres` must hold at least one centre of as many features"):
        nearest_centre_disagreement(features, labels, torch.ones(2, 3))
    with pytest.raises(ValueError, match=r"`counts` must have shape \(2,\), got \(3,\)"):
        nearest_centre_accuracy(features, labels, torch.ones(2, 2), torch.ones(3))
    with pytest.raises(ValueError, match="`decisions` must be integers"):
        nearest_centre_disagreement(features, torch.ones(3), torch.ones(2, 2))


def both(centres, counts):
    return (
        lambda features, labels: nearest_centre_disagreement(features, labels, centres),
        lambda features, labels: nearest_centre_accuracy(features, labels, centres, counts),
    )


def test_copies_are_measured_one_by_one():
    features, labels, centres = (
        normal(2, 9, 3, seed=0),
        torch.arange(9).expand(2, 9) % 4,
        normal(2, 4, 3, seed=1),
    )
    counts = torch.tensor([[3.0, 2, 2, 2]] * 2)
    found = nearest_centre_accuracy(features, labels, centres, counts)
    alone = [nearest_centre_accuracy(features[i], labels[i], centres[i], counts[i]) for i in range(2)]
    np.testing.assert_array_equal(found, alone)
