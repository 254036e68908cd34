"""Every quantity that is logged for the whole model has a sentence."""

import re

import pytest

from lightning_symmetry import AddSymmetry, RemoveSymmetry, RepresentationMonitor, SymmetryMonitor
from lightning_symmetry.functional.representation.canonical import CanonicalAlignments
from lightning_symmetry.report.quantities import quantity


def logged(monitor) -> set[str]:
    return set(re.findall(r"``(symmetry/\w+)``", monitor.__doc__))


@pytest.mark.parametrize("key", sorted(logged(SymmetryMonitor)))
def test_what_the_symmetry_monitor_logs_is_described(key):
    assert quantity(key).meaning and quantity(key).papers


@pytest.mark.parametrize("name", CanonicalAlignments._fields)
def test_every_alignment_is_described(name):
    described = quantity(f"symmetry/alignment_{name}/model.2")
    assert described.meaning and described.part == "model.2"


def test_what_says_most_of_representations_is_described():
    keys = {"symmetry/nc1", "symmetry/nc4", "symmetry/cka"}
    assert keys <= logged(RepresentationMonitor)
    assert all(quantity(key).meaning for key in keys)


@pytest.mark.parametrize("callback", [AddSymmetry, RemoveSymmetry])
def test_the_strength_of_steering_is_described(callback):
    (key,) = logged(callback)
    assert quantity(key).meaning and quantity(key).papers
