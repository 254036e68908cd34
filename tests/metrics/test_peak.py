"""Sharded weights are measured one after the other: no process ever holds the model."""

import pytest

from ..processes import free_ports, in_two_processes
from .peak import LAYER, looks, whole, work


@pytest.fixture(scope="module")
def both():
    """What each of two processes measures, and what it takes."""
    return in_two_processes(work, *free_ports())


@pytest.fixture(scope="module")
def alone():
    """What one process measures."""
    return looks(*whole())


@pytest.mark.parametrize("look", ["exact", "sketched", "motion"])
def test_sharded_weights_measure_as_whole_ones(look, both, alone):
    expected, _ = alone[look]
    for found in both:
        assert found[look][0].keys() == expected.keys()
        for key, value in expected.items():
            assert found[look][0][key] == pytest.approx(value, rel=1e-6, abs=1e-6), key


@pytest.mark.parametrize(
    ("look", "layers"), [("exact", 4.5), ("sketched", 5), ("motion", 2.5), ("charges", 1.5)]
)
def test_memory_does_not_grow_with_the_model(look, layers, both):
    params, _, _ = whole()
    model = 4 * sum(parameter.numel() for parameter in params.values())
    for found in both:
        assert LAYER <= found[look][1] <= layers * LAYER < model / 2
