"""When a model in training is looked at, at what, and what of it is logged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from ..._compat import LightningModule
from .._finite_values import FiniteValues
from .initial_values import InitialValues
from .looking import Looking
from .own_step import OwnSteps
from .pace import Pace
from .probe import Probe

UNDEFINED = "some values are not defined (one class, sample or direction only, or numbers not finite)"


class Observer:
    """Looks at the layers of a model, in its own steps or on a probe.

    Args:
        owner: Whom its warnings speak of.
        pace: When it is time for a look.
        probe: What is looked at instead of the steps.
        reference: What representations of the probe are compared with.

    Attributes:
        initial: The values at the first look.
    """

    def __init__(
        self,
        owner: str,
        pace: Pace,
        probe: Probe | None,
        reference: nn.Module | Mapping[str, Any] | None,
    ) -> None:
        self.initial = InitialValues()
        self._values = FiniteValues(owner, UNDEFINED)
        self._pace, self._probe, self._reference = pace, probe, reference
        self._looking: Looking | None = None
        self._steps: OwnSteps | None = None
        self._first_step = 0

    def watch(self, looking: Looking | None) -> None:
        """Say what to look at, from now on; nothing to forget the model."""
        self.close()
        self._looking, self._steps = looking, None

    def collect(self) -> None:
        """Measure what was seen of a step, as long as the weights are still those of the step."""
        if self._steps is not None:
            self._steps.collect()

    def close(self) -> None:
        """Remove all hooks."""
        if self._steps is not None:
            self._steps.close()

    def before(self, module: LightningModule, batch: Any) -> None:
        """Watch the batch if it is part of a look; look at a probe before the first step."""
        assert self._looking is not None
        if self._probe is not None:
            if self._pace.last_step is None:
                self._look_at(self._probe, module)
            return
        if self._steps is None and self._pace.is_due(module.trainer.global_step):
            self._steps = self._looking.own_steps(module, batch)
            self._first_step = module.trainer.global_step
        if self._steps is not None:
            self._steps.begins(batch)

    def after(self, module: LightningModule) -> None:
        """Log what a look has found."""
        if self._probe is not None:
            if self._pace.is_due(module.trainer.global_step):
                self._look_at(self._probe, module)
        elif self._steps is not None and self._steps.is_watching:
            values = self._steps.ends()
            if values is not None:
                seen, self._steps = self._steps.seen, None
                self._log(module, values, seen, self._first_step)

    def _look_at(self, probe: Probe, module: LightningModule) -> None:
        assert self._looking is not None
        values, seen = self._looking.probed(module, probe, self._reference)
        self._log(module, values, seen, module.trainer.global_step)

    def _log(
        self, module: LightningModule, values: Mapping[str, Tensor], seen: Sequence[str], step: int
    ) -> None:
        assert self._looking is not None
        self._looking.warn_of_missing(seen)
        trainer, is_first = module.trainer, self.initial.state_dict() is None
        found = self.initial.beside(self._values.of(values, step))
        module.log_dict(found, on_step=True, on_epoch=False, batch_size=1)
        if is_first:
            # at the Trainer's first log_every_n_steps a later look may have taken their place
            for logger in trainer.loggers:
                logger.log_metrics(found, step=trainer.global_step)
        self._pace.looked(step)
