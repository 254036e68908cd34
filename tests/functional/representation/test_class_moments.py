import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import class_moments
from lightning_symmetry.functional.representation.class_moments import merged

from .labelled import labelled, normal


def reference(features, labels, classes):
    counts = torch.stack([(labels == k).sum() for k in range(classes)]).double()
    means = torch.stack([features[labels == k].mean(dim=0) for k in range(classes)])
    scatter = sum(torch.outer(h - means[y], h - means[y]) for h, y in zip(features, labels, strict=True))
    return counts, means, scatter


@settings(deadline=None, max_examples=15)
@given(labelled(), st.integers(0, 40))
def test_two_parts_have_the_moments_of_the_whole(case, cut):
    features, labels, classes, _ = case
    expected = reference(features, labels, classes)
    whole = class_moments(features, labels, classes)
    parts = merged(
        class_moments(features[:cut], labels[:cut], classes),
        class_moments(features[cut:], labels[cut:], classes),
    )
    for found in (whole, parts):
        for value, right in zip(found, expected, strict=True):
            torch.testing.assert_close(value, right, rtol=1e-9, atol=1e-9)


def test_a_large_mean_costs_no_digits_over_many_batches():
    # uncentred sums of squares would keep 16 − 12 digits here, in float64
    labels, noise = torch.arange(1000) % 2, 1e-3 * normal(1000, 3, seed=0)
    features = noise + 1e3 * (1 + labels.unsqueeze(-1))
    joined = class_moments(features[:10], labels[:10], 2)
    for batch in range(1, 100):
        part = slice(10 * batch, 10 * batch + 10)
        joined = merged(joined, class_moments(features[part], labels[part], 2))
    exact = features - 1e3 * (1 + labels.unsqueeze(-1))
    expected = reference(exact, labels, 2)[2]
    torch.testing.assert_close(joined.scatter, expected, rtol=1e-8, atol=1e-8 * expected.max())


def test_samples_without_a_class_are_left_out_whatever_they_hold():
    features, labels = normal(6, 3, seed=0), torch.tensor([0, 1, -100, 1, -1, 0])
    kept = class_moments(features[labels >= 0], labels[labels >= 0], 3)
    features[labels < 0] = math.nan
    for value, expected in zip(class_moments(features, labels, 3), kept, strict=True):
        torch.testing.assert_close(value, expected)
    assert kept.counts.tolist() == [2, 2, 0]
    assert not kept.means[2].any()


def test_a_label_out_of_range_spoils_everything():
    found = class_moments(torch.ones(3, 2), torch.tensor([0, 1, 2]), 2)
    assert all(value.isnan().all() for value in found)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (None, "`labels` must be a tensor, got 'NoneType'"),
        (torch.ones(3), "`labels` must be integers, got torch.float32"),
        (torch.ones(3, dtype=torch.bool), "`labels` must be integers, got torch.bool"),
        (
            torch.ones(4, dtype=torch.long),
            r"`labels` must have shape \(3,\), one for every sample, got \(4,\)",
        ),
    ],
)
def test_labels_that_are_none_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        class_moments(torch.ones(3, 2), labels, 2)


def test_there_has_to_be_a_class():
    with pytest.raises(ValueError, match="`num_classes` must be at least 1, got 0"):
        class_moments(torch.ones(3, 2), torch.zeros(3, dtype=torch.long), 0)
