"""Verify all symmetries of a model at once, and as many alone as fit into a time."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from benchmarks.cost.zoo.specimen import Specimen
from lightning_symmetry.discovery import Leg, Symmetries
from lightning_symmetry.discovery.verify import TOGETHER, errors, fitting

LARGEST = 200_000_000
"""Models with more parameters are not verified: they would have to run in float64."""


def verify(symmetries: Symmetries, specimen: Specimen, budget: float) -> dict[str, float]:
    """Return the error of a random element of every group at once, then those of single symmetries.

    Args:
        symmetries: What to verify.
        specimen: The model and its inputs.
        budget: Seconds for single symmetries; none is begun after them.

    Returns:
        Errors by name, as :meth:`lightning_symmetry.Symmetries.errors` gives them; of a random choice of the
        symmetries where time is short, of none for a large model.
    """
    if not symmetries or sum(p.numel() for p in specimen.model.parameters()) > LARGEST:
        return {}
    model, args, kwargs = specimen.model, specimen.args, specimen.kwargs
    result: dict[str, float] = {}
    waiting = random.Random(0).sample(list(symmetries), len(symmetries))
    at_once = errors([_AllAtOnce(symmetries)], model, args, kwargs)  # type: ignore[list-item]
    started = time.perf_counter()
    while waiting and time.perf_counter() - started < budget:
        count = len(result) + 1
        result |= errors(waiting[:count], model, args, kwargs)
        del waiting[:count]
    return result | at_once


@dataclass(frozen=True)
class _AllAtOnce:
    """All symmetries as if they were one, whose elements are one of each."""

    symmetries: Symmetries
    name: str = TOGETHER
    group: str = "all"

    @property
    def legs(self) -> list[Leg]:
        return [leg for symmetry in self.symmetries for leg in symmetry.legs]

    def sample(self, generator: torch.Generator) -> list[Tensor]:
        return [symmetry.sample(generator) for symmetry in self.symmetries]

    def act(self, params: Mapping[str, Tensor], element: list[Any]) -> Mapping[str, Tensor]:
        for symmetry, part in zip(self.symmetries, element, strict=True):
            params = symmetry.act(params, fitting(symmetry, part, params))
        return params
