"""All that is measured of one layer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ...functional import canonical_phase
from ...functional.representation.canonical import CanonicalAlignments
from ...functional.representation.feature_ranks import rankme_of
from ...functional.representation.moments import Moments
from ...functional.sketch import random_projection
from ...metrics import CanonicalAlignment, DormantUnits, FeatureRanks, PolynomialAlignment
from .call import Call
from .processes import Processes

HOLDS = 0.7
"""Alignment from which on a relation counts as holding."""

EPSILON = 1e-7
"""That of RankMe."""


@dataclass(frozen=True)
class Sizes:
    """What has to be known of a layer before anything is measured, in plain numbers.

    Attributes:
        features: Width of its features.
        aligned: Inputs, outputs and copies of its weight; None where there is nothing to compare it with.
        reads_data: Whether its features are those of the data.
    """

    features: int
    aligned: tuple[int, int, tuple[int, ...]] | None
    reads_data: bool


def sizes_of(call: Call, layer: nn.Module) -> Sizes:
    """Read sizes off a call.

    Args:
        call: Of the layer.
        layer: The module.

    Returns:
        The sizes.
    """
    aligned: tuple[int, int, tuple[int, ...]] | None = None
    if call.align is not None and call.gradient is not None:
        assert isinstance(layer.weight, Tensor)
        out, read, *kernel = layer.weight.shape
        groups = getattr(layer, "groups", None)
        taps = torch.Size(kernel).numel()
        aligned = (read, out, ()) if groups is None else (read * taps, out // groups, (groups,))
    return Sizes(call.features.shape[-1], aligned, call.seen.reads_data)


class LayerMeasure:
    """Metrics of one layer, which add up over calls, batches and processes.

    Args:
        sizes: Of the layer.
        width: Directions onto which what is wider is projected.
        exponents: Whether to fit power laws.
        processes: Join what they have seen.
    """

    def __init__(self, sizes: Sizes, width: int, exponents: bool, processes: Processes) -> None:
        self._width, self._processes = width, processes
        features = min(sizes.features, width)
        self._ranks = self._metric(FeatureRanks, features)
        self._dormant = None if sizes.reads_data else self._metric(DormantUnits, sizes.features)
        self._units = sizes.features
        kinds = (CanonicalAlignment, PolynomialAlignment) if exponents else (CanonicalAlignment,)
        self._alignments: list[Any] = []
        if sizes.aligned is not None:
            read, written, copies = sizes.aligned
            self._alignments = [
                self._metric(kind, read, written, copies=copies, limit=max(2, width)) for kind in kinds
            ]

    def add(self, call: Call, layer: nn.Module) -> None:
        """Add the samples of a call.

        Args:
            call: Any.
            layer: The module.
        """
        weight = layer.weight if call.align is not None and call.gradient is not None else None
        whole = self._processes.whole(weight) if isinstance(weight, Tensor) else None
        if not self._processes.counts:
            return
        self._ranks.update(random_projection(call.features, self._width))
        if self._dormant is not None:
            self._dormant.update(call.features)
        if call.align is not None and whole is not None:
            samples = call.align(call, whole)
            for metric in self._alignments:
                metric.update(*samples)

    def values(self) -> dict[str, Tensor]:
        """Measure, together with the other processes.

        Returns:
            Scalars by quantity.
        """
        compute = self._processes.computed
        values: dict[str, Tensor] = {"feature_rank": compute(self._ranks)["effective_rank"]}
        with self._processes.joined(self._ranks):
            values["rankme"] = rankme_of(Moments.unpacked(self._ranks.moments), EPSILON)
        if self._dormant is not None:
            values["dormant_share"] = compute(self._dormant) / self._units
        for metric in self._alignments:
            found = compute(metric)
            if "forward_hg" in found:
                values |= {f"alignment_{name}": value for name, value in found.items()}
                values |= _phase([found[name] for name in CanonicalAlignments._fields])
            else:
                values |= _exponents(found)
        return values

    def _metric(self, kind: Any, *sizes: int, **options: Any) -> Any:
        return kind(*sizes, sync_on_compute=self._processes.join, **options).to(self._processes.device)


def _phase(alignments: Iterable[Tensor]) -> dict[str, Tensor]:
    holds = canonical_phase(CanonicalAlignments(*alignments), HOLDS).double()
    powers = 2.0 ** torch.arange(len(holds), dtype=holds.dtype, device=holds.device)
    return {"canonical_phase": (holds * powers).sum(), "canonical_relations": holds.sum()}


def _exponents(found: Mapping[str, Tensor]) -> dict[str, Tensor]:
    endings = {"exponent": "", "low": "_low", "high": "_high", "r_squared": "_r_squared"}
    return {
        f"exponent_{relation}{ending}": found[f"{relation}_{number}"]
        for relation in CanonicalAlignments._fields
        for number, ending in endings.items()
    }
