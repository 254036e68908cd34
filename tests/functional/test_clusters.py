import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_symmetry.functional import (
    cluster_sizes,
    dead_units,
    distinct_units,
    duplicate_units,
    unbroken_permutations,
)


def planted(sizes, dead=0, seed=0, width=12):
    """Units in clusters of given sizes, in random order, and some that are dead."""
    generator = torch.Generator().manual_seed(seed)
    centres = torch.linalg.qr(torch.randn(width, width, generator=generator, dtype=torch.float64)).Q
    rows = [centres[i] * (1 + i) for i, size in enumerate(sizes) for _ in range(size)]
    rows += [1e-4 * torch.randn(width, generator=generator, dtype=torch.float64) for _ in range(dead)]
    labels = [size for size in sizes for _ in range(size)] + [dead] * dead
    order = torch.randperm(len(rows), generator=generator)
    return torch.stack(rows)[order], torch.tensor(labels, dtype=torch.float64)[order]


clusterings = st.tuples(
    st.lists(st.integers(1, 4), min_size=1, max_size=5), st.integers(0, 3), st.integers(0, 99)
)


@settings(deadline=None, max_examples=60)
@given(clusterings)
def test_planted_clusters_are_found(clustering):
    sizes, dead, seed = clustering
    units, labels = planted(sizes, dead, seed)
    assert torch.equal(cluster_sizes(units, dead_threshold=0.01), labels)
    assert dead_units(units, 0.01) == dead
    assert distinct_units(units, dead_threshold=0.01).item() == pytest.approx(len(sizes))
    assert duplicate_units(units, dead_threshold=0.01).item() == pytest.approx(
        sum(sizes) - len(sizes), abs=1e-9
    )
    order = math.prod(map(math.factorial, sizes)) * math.factorial(dead)
    share = math.log(order) / (math.log(math.factorial(len(units))) or 1)
    assert unbroken_permutations(units, dead_threshold=0.01).item() == pytest.approx(share, abs=1e-12)


@settings(deadline=None, max_examples=30)
@given(clusterings, st.integers(0, 99))
def test_the_order_of_units_and_rotations_do_not_matter(clustering, seed):
    units, _ = planted(*clustering)
    generator = torch.Generator().manual_seed(seed)
    rotation = torch.linalg.qr(torch.randn(12, 12, generator=generator, dtype=torch.float64)).Q
    moved = units[torch.randperm(len(units), generator=generator)] @ rotation
    for function in (duplicate_units, unbroken_permutations):
        torch.testing.assert_close(function(moved), function(units))


def test_the_extremes():
    alike = torch.ones(7, 3)
    assert unbroken_permutations(alike) == 1
    assert duplicate_units(alike).item() == pytest.approx(6)
    assert unbroken_permutations(torch.eye(7)) == 0
    assert duplicate_units(torch.eye(7)) == 0
    assert unbroken_permutations(torch.zeros(4, 3)) == 1  # all dead
    assert unbroken_permutations(torch.ones(1, 3)) == 0  # there is nobody to trade places with


def test_copies_and_broken_weights_are_kept_apart():
    units = torch.stack([torch.eye(4), torch.ones(4, 4), torch.ones(4, 4)])
    units[2, 1, 1] = math.nan
    share = unbroken_permutations(units)
    assert share[:2].tolist() == [0, 1] and share[2].isnan()
    assert cluster_sizes(units)[2].isnan().all()
    assert unbroken_permutations(torch.full((1, 2), math.inf)).isnan()


@pytest.mark.parametrize("modulo, share", [("nothing", 0), ("sign", math.log(2) / math.log(6))])
def test_units_are_the_same_up_to_a_group(modulo, share):
    units = torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    assert unbroken_permutations(units, modulo=modulo).item() == pytest.approx(share)
