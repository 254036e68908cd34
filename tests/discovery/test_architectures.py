"""Known architectures: what is found spans the Jacobian's null space, whose dimension is counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from torch import nn

from lightning_symmetry.discovery import Symmetries, find_symmetries
from lightning_symmetry.groups import GROUPS

from .architectures import ARCHITECTURES, Architecture


class Found(NamedTuple):
    """A model, and what is found in it."""

    architecture: Architecture
    model: nn.Module
    symmetries: Symmetries


@pytest.fixture(scope="module", params=ARCHITECTURES)
def found(request) -> Found:
    architecture = ARCHITECTURES[request.param]
    model = architecture.model()
    return Found(architecture, model, find_symmetries(model, *architecture.data(4)))


def test_every_symmetry_holds(found):
    errors = found.symmetries.errors(found.model, *found.architecture.data(4))
    assert {name: error for name, error in errors.items() if not error < 1e-10} == {}


def test_every_direction_is_found_or_explained(found):
    result = found.symmetries.completeness(found.model, found.architecture.enough(found.model))
    assert result.gap > 1e7
    assert result.nullity == found.architecture.nullity
    assert result.leak < 1e-10
    assert result.rank == result.nullity - sum(found.architecture.missing.values())


def test_the_groups_are_those_on_record(found):
    counts = Counter(
        f"{s.group} {s.size}" + f" x{s.copies}" * (s.copies > 1)
        for s in found.symmetries
        if s.group != "translation"
    )
    lines = [f"{count} {line}" if count > 1 else line for line, count in counts.items()]
    assert sorted(lines) == sorted(found.architecture.groups.split(", ") if lines else [])


def test_every_group_is_covered():
    known = {group for a in ARCHITECTURES.values() for group in GROUPS if group in a.groups.split()}
    assert known | {"translation"} == set(GROUPS)


def test_the_architectures_are_tiny():
    sizes = {
        name: sum(p.numel() for p in architecture.model().parameters())
        for name, architecture in ARCHITECTURES.items()
    }
    assert {name: size for name, size in sizes.items() if size > 1000} == {}
