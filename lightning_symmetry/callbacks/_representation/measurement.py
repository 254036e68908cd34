"""All that is measured at one look: every layer, and the whole model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

from ...functional import depth_profile
from ...metrics._model.whole_values import is_sharded
from ...metrics.order_parameters import PREFIX
from .call import Call
from .classes import ClassSamples, class_values
from .layer import LayerMeasure, Sizes, sizes_of
from .processes import Processes
from .samples import has_weight

PHASES = {"expansion": 1.0, "transmission": 0.0, "reduction": -1.0}
"""The phases of the depth profile as they are logged."""

AVERAGED = ("alignment_", "canonical_relations", "feature_rank", "dormant_share")
"""Quantities whose mean over layers is logged for the whole model."""


class Measurement:
    """Adds up samples of batches, and joins what several processes have seen.

    Args:
        layers: Modules by name.
        width: Directions onto which what is wider is projected.
        exponents: Whether to fit power laws.
        processes: Say what is joined.
    """

    def __init__(
        self, layers: Mapping[str, nn.Module], width: int, exponents: bool, processes: Processes
    ) -> None:
        self._layers, self._width, self._exponents = layers, width, exponents
        self._processes = processes
        self._sizes: dict[str, Sizes] = {}
        self._measures: dict[str, LayerMeasure] = {}
        self._classes: list[ClassSamples] = []
        self._weight: Tensor | None = None

    @property
    def seen(self) -> list[str]:
        """Names of the layers that ran, in the order of their first calls; of all processes after a look."""
        return list(self._sizes)

    def add(self, calls: Iterable[Call]) -> None:
        """Add calls, as long as the weights are those of the calls.

        Args:
            calls: Each activation once.
        """
        made = list(calls)
        self._processes.require_whole({c.layer: c.features for c in made if not is_sharded(c.features)})
        for call in made:
            call.join(self._processes.whole)
            layer = self._layers[call.layer]
            sizes, before = sizes_of(call, layer), self._sizes.get(call.layer)
            if before is None or (before.aligned is None and sizes.aligned is not None):
                self._measure(call.layer, sizes)
            self._measures[call.layer].add(call, layer)

    def add_classes(self, samples: ClassSamples | None) -> None:
        """Add what the classifier has read, as long as its weight is that of the call.

        Args:
            samples: Of a batch; None without labels or a classifier.
        """
        if samples is None:
            return
        samples.join(self._processes.whole)
        if self._processes.counts:
            self._classes.append(samples)
        layer = self._layers[samples.layer]
        weight = layer.weight if has_weight(layer) else None
        self._weight = self._processes.whole(weight).clone() if isinstance(weight, Tensor) else None

    def values(self) -> dict[str, Tensor]:
        """Measure; all processes at the same time.

        Returns:
            Scalars by key, some of them NaN.
        """
        for known in self._processes.gathered(self._sizes):
            for name, sizes in known.items():
                if name not in self._sizes:
                    self._measure(name, sizes)
        order = self._processes.gathered(self.seen)[0]
        order += sorted(self._sizes.keys() - set(order))
        self._sizes = {name: self._sizes[name] for name in order}
        each = {name: self._measures[name].values() for name in order}
        values = {
            f"{PREFIX}/{quantity}/{name}": v for name, found in each.items() for quantity, v in found.items()
        }
        return values | _whole(each) | self._profile(each) | self._class_values()

    def _measure(self, name: str, sizes: Sizes) -> None:
        self._sizes[name] = sizes
        self._measures[name] = LayerMeasure(sizes, self._width, self._exponents, self._processes)

    def _class_values(self) -> dict[str, Tensor]:
        names = [(samples.layer, samples.classes) for samples in self._classes]
        found = [last for last in self._processes.gathered(names[-1] if names else None) if last]
        if not found:
            return {}
        layer, classes = found[0]
        mine = [samples for samples in self._classes if samples.layer == layer]
        values = class_values(mine, self._weight if mine else None, classes, self._width, self._processes)
        return {f"{PREFIX}/{quantity}": value for quantity, value in values.items()}

    def _profile(self, each: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
        ranks = [found["feature_rank"] for found in each.values()]
        # one transfer for all layers
        known = torch.stack(ranks).tolist() if ranks else []
        names = [name for name, rank in zip(each, known, strict=True) if 0 <= rank < float("inf")]
        profile = depth_profile([rank for rank in known if 0 <= rank < float("inf")])
        return {
            f"{PREFIX}/depth_phase/{names[place]}": ranks[0].new_tensor(PHASES[segment.phase])
            for segment in profile
            for place in range(segment.first + 1, segment.last + 1)
        }


def _whole(each: Mapping[str, Mapping[str, Tensor]]) -> dict[str, Tensor]:
    layers: dict[str, list[Tensor]] = {}
    for found in each.values():
        for quantity, value in found.items():
            if quantity.startswith(AVERAGED):
                layers.setdefault(quantity, []).append(value.double())
    return {f"{PREFIX}/{quantity}": _mean(values) for quantity, values in layers.items()}


def _mean(values: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(values)).mean()
