import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression

from lightning_symmetry.functional import separability

from .labelled import labelled, normal, rotation, simplex


def reference(features, labels, classes):
    """Analysis of variance, and canonical correlations as those of two orthonormal bases."""
    h, y = features.numpy(), labels.numpy()
    centred = h - h.mean(axis=0)
    between = sum(
        (y == k).sum() * np.square(h[y == k].mean(axis=0) - h.mean(axis=0)).sum() for k in range(classes)
    )
    one_hot = np.eye(classes)[y] - np.eye(classes)[y].mean(axis=0)
    bases = []
    for matrix in (centred, one_hot):
        left, sigma, _ = np.linalg.svd(matrix, full_matrices=False)
        bases.append(left[:, sigma > 1e-9 * sigma[0]])
    correlations = np.linalg.svd(bases[0].T @ bases[1], compute_uv=False)
    most = min(classes - 1, h.shape[1])
    return between / np.square(centred).sum(), np.square(correlations).sum() / most


@settings(deadline=None, max_examples=60)
@given(labelled())
def test_both_ratios_follow_the_definition(case):
    features, labels, classes, _ = case
    found = separability(features, labels, classes)
    np.testing.assert_allclose(found[:2], reference(features, labels, classes), rtol=1e-6)


def test_for_two_classes_it_is_what_a_least_squares_probe_explains():
    labels = torch.arange(50) % 2
    features = normal(50, 6, seed=0) + labels.unsqueeze(-1) * normal(6, seed=1)
    score = LinearRegression().fit(features.numpy(), labels.numpy()).score(features.numpy(), labels.numpy())
    assert separability(features, labels, 2).discriminant_ratio.item() == pytest.approx(score)


@settings(deadline=None, max_examples=40)
@given(labelled(), st.integers(0, 2**20))
def test_invariances(case, seed):
    features, labels, classes, _ = case
    size = features.shape[1]
    before = separability(features, labels, classes)
    generator = torch.Generator().manual_seed(seed)
    order, names = (
        torch.randperm(len(labels), generator=generator),
        torch.randperm(classes, generator=generator),
    )
    turned = separability((3 * features @ rotation(size, seed) + 1)[order], names[labels[order]], classes)
    torch.testing.assert_close(turned[:2], before[:2], rtol=1e-6, atol=1e-9)
    change = torch.eye(size, dtype=torch.float64) + 0.3 * rotation(size, seed)
    mapped = separability((features - features.mean(dim=0)) @ change, labels, classes)
    torch.testing.assert_close(mapped.discriminant_ratio, before.discriminant_ratio, rtol=1e-6, atol=1e-9)
    assert all(0 <= value <= 1 + 1e-9 for value in before)


def test_collapsed_classes_are_separated_fully():
    labels = torch.arange(20) % 4
    assert [v.item() for v in separability(simplex(4, 6)[labels], labels, 4)] == pytest.approx([1, 1, 1])


def test_labels_that_mean_nothing_are_near_chance():
    found = separability(normal(2000, 5, seed=0), torch.arange(2000) % 4, 4)
    assert found.fisher_ratio < 0.01 and found.discriminant_ratio < 0.01
    assert found.accuracy.item() == pytest.approx(0.25, abs=0.05)


def test_edges():
    labels = torch.arange(6) % 2
    constant = separability(torch.full((6, 3), 0.1), labels, 2)
    assert constant.fisher_ratio == 0 and constant.discriminant_ratio == 0 and constant.accuracy.isfinite()
    spoilt = normal(6, 3, seed=0)
    spoilt[2, 1] = math.nan
    for features, classes in (
        (spoilt, labels),
        (normal(6, 3, seed=0), 0 * labels),
        (normal(6, 3, seed=0), labels + 4),
    ):
        assert all(value.isnan() for value in separability(features, classes, 2))
    dead = torch.cat([normal(6, 2, seed=0), torch.zeros(6, 3)], dim=-1)
    torch.testing.assert_close(separability(dead, labels, 2), separability(dead[:, :2], labels, 2))
