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

    @property
    def is_looking(self) -> bool:
        """Whether a look at the user's steps is under way, the same in every process."""
        return self._steps is not None

    def starts(self, step: int) -> bool:
        """Whether a look starts before a batch, the same in every process."""
        return self._pace.last_step is None if self._probe is not None else self._is_free(step)

    def ends(self, step: int) -> bool:
        """Whether a look ends after a batch, the same in every process."""
        if self._probe is not None:
            return self._pace.is_due(step)
        return self._steps is not None and self._steps.is_last

    def start(self, module: LightningModule, batch: Any) -> None:
        """Begin a look at steps; look at a probe before the first one. All processes do it together."""
        assert self._looking is not None
        if self._probe is not None:
            self._look_at(self._probe, module)
            return
        self._steps = self._looking.own_steps(module, batch)
        self._first_step = module.trainer.global_step

    def before(self, batch: Any) -> None:
        """Watch the batch if it is part of a look."""
        if self._steps is not None:
            self._steps.begins(batch)

    def after(self) -> None:
        """Stop watching a batch after which the look goes on."""
        if self._steps is not None:
            self._steps.ends()

    def pass_on(self) -> None:
        """Count a batch."""
        if self._steps is not None:
            self._steps.left -= 1

    def end(self, module: LightningModule) -> None:
        """Log what a look has found. All processes do it together."""
        if self._probe is not None:
            self._look_at(self._probe, module)
        elif self._steps is not None:
            self._steps.ends()
            values, seen = self._steps.values(), self._steps.seen
            self._steps = None
            self._log(module, values, seen, self._first_step)

    def _is_free(self, step: int) -> bool:
        return self._steps is None and self._pace.is_due(step)

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
