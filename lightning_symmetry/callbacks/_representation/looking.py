"""Looks at the layers of a model: in the user's own steps, or at a probe."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..._compat import LightningModule, rank_zero_warn
from ...metrics._model.whole_values import is_sharded
from .._compiled import inside_compiled
from .extent import Extent
from .measurement import Measurement
from .own_step import OwnSteps, enough_batches
from .parts import Parts
from .probe import Probe
from .processes import Processes
from .reference import agreement, features_of, weights_of

SHOWN = 5
"""Names in a warning."""


class Looking:
    """Knows the layers of a model, and warns once of those that it cannot see.

    Args:
        layers: Modules by name.
        extent: How much is measured.
        meet: Called before processes exchange anything; all of them come by, or raise if one has failed.
    """

    def __init__(
        self, layers: Mapping[str, nn.Module], extent: Extent, meet: Callable[[str], object]
    ) -> None:
        self._layers, self._extent, self._meet = layers, extent, meet
        self._reference: dict[str, Tensor] | None = None
        self._warned: set[str] = set()

    def own_steps(self, module: LightningModule, batch: Any) -> OwnSteps:
        """Begin a look at the steps of the user.

        Args:
            module: The model.
            batch: The first batch.

        Returns:
            What watches them.

        Raises:
            RuntimeError: If all layers run as compiled code.
        """
        trainer = module.trainer
        hidden = inside_compiled(module)
        visible = {name: layer for name, layer in self._layers.items() if layer not in hidden}
        if not visible:
            raise RuntimeError(
                f"all layers of {type(module).__name__} run as compiled code, which does not see hooks that "
                "come later; give a `probe`, which runs uncompiled, or compile the model in parts"
            )
        self._warn(
            self._layers.keys() - visible.keys(),
            "run as compiled code, which does not see hooks that come later",
        )
        batches, parts = self._extent.batches, Parts(trainer)
        if batches is None:
            batches = trainer.strategy.broadcast(enough_batches(batch, trainer.world_size // parts.count))
        return OwnSteps(
            visible,
            self._measurement(visible, Processes(module.device, trainer.world_size > 1, self._meet, parts)),
            math.ceil(self._extent.samples / batches),
            batches,
        )

    def probed(
        self, module: LightningModule, probe: Probe, reference: Any
    ) -> tuple[dict[str, Tensor], list[str]]:
        """Look at a probe, which is the same in all processes: none waits for another.

        Args:
            module: The model.
            probe: What to run.
            reference: What to compare with; None for nothing.

        Returns:
            Scalars by key, and the layers that ran.

        Raises:
            ValueError: If parameters are sharded: what shards them keeps account of each run.
        """
        if any(map(is_sharded, module.parameters())):
            raise ValueError(
                f"`probe` must be None for sharded parameters, found some in {type(module).__name__}: only "
                "the training's own steps can be looked at"
            )
        calls, classified = probe.seen(module, self._layers)
        measurement = self._measurement(self._layers, Processes(module.device, False))
        measurement.add(calls)
        measurement.add_classes(classified)
        values = measurement.values()
        if reference is not None:
            if self._reference is None:
                weights = weights_of(reference, module)
                others, _ = probe.seen(module, self._layers, weights)
                self._reference = features_of(others, self._extent.width)
            values |= agreement(features_of(calls, self._extent.width), self._reference)
        return values, measurement.seen

    def warn_of_missing(self, seen: Sequence[str]) -> None:
        """Name layers that did not run, once each.

        Args:
            seen: Those that did.
        """
        self._warn(self._layers.keys() - set(seen), "did not run in a look, and nothing is logged of them")

    def _measurement(self, layers: Mapping[str, nn.Module], processes: Processes) -> Measurement:
        return Measurement(layers, self._extent.width, self._extent.exponents, processes)

    def _warn(self, names: set[str], why: str) -> None:
        new = [name for name in self._layers if name in names and name not in self._warned]
        self._warned.update(new)
        if new:
            more = f" and {len(new) - SHOWN} more" if len(new) > SHOWN else ""
            rank_zero_warn(f"RepresentationMonitor: the layers {', '.join(new[:SHOWN])}{more} {why}.")
