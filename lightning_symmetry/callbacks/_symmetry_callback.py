"""What all callbacks share that work on the symmetries of a model in training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor

from .._compat import LightningModule, Trainer
from ..discovery import Symmetries
from ._compiled import uncompiled_hook
from ._first_step import FirstStep
from ._readable import check_readable
from ._switching_off import SwitchingOff


class SymmetryCallback(SwitchingOff, ABC):
    """Knows the symmetries of the model from the first training step on, and never stops a run.

    Args:
        symmetries: The symmetries, parameters named as in the LightningModule; found in the first step by
            default.
        strict: Raise where the callback would warn and switch itself off.

    Attributes:
        symmetries: The symmetries, once they are known.
    """

    def __init__(self, symmetries: Symmetries | None, strict: bool) -> None:
        if not (symmetries is None or isinstance(symmetries, Symmetries)):
            raise TypeError(f"`symmetries` must be Symmetries or None, found {symmetries!r}")
        super().__init__(strict)
        self.symmetries = symmetries
        self._is_told = symmetries is not None
        self._has_begun = False
        self._parameters: set[str] = set()
        self._first_step: FirstStep | None = None

    @abstractmethod
    def begin(self, trainer: Trainer, pl_module: LightningModule, symmetries: Symmetries) -> None:
        """Do what comes first, now that the symmetries are known; usually before the first optimizer step.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            symmetries: Its symmetries.
        """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget what an earlier fit has found: the model may be another one. A checkpoint brings it back.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: ``"fit"``, or another that changes nothing.
        """
        if stage == "fit" and not self._is_told:
            self.symmetries = None

    def has_begun(self, trainer: Trainer) -> None:
        """Note that all processes have begun.

        Args:
            trainer: The Trainer.
        """

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start afresh: what is off stays off for one fit only.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        super().on_fit_start(trainer, pl_module)
        self._has_begun = False
        self.require(check_readable, pl_module, type(self).__name__)

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Find the symmetries on the first batch.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The batch.
            batch_idx: Its index.
        """
        if self._is_off or self._has_begun:
            return
        self.attempt(self._look_ahead, pl_module, batch, batch_idx)
        self._begin_together(trainer, pl_module)

    @uncompiled_hook
    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, loss: Tensor) -> None:
        """Find the symmetries from what the first step has called, if that is the only way.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            loss: The loss.
        """
        # by hand, a step may go on after its first loss
        if pl_module.automatic_optimization:
            self._look_back(trainer, pl_module)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Find the symmetries after a first step by hand; one without a loss does not count.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            outputs: What the training step returned.
            batch: The batch.
            batch_idx: Its index.
        """
        if not pl_module.automatic_optimization:
            self._look_back(trainer, pl_module)
        elif self._first_step is not None:
            self._first_step.close()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Leave the model alone when its first step fails.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            exception: Any.
        """
        if self._first_step is not None:
            self._first_step.close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Forget the model.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: Any.
        """
        self._first_step = None

    def is_changed(self, pl_module: LightningModule) -> bool:
        """Say whether the model has other parameters than those whose symmetries are known.

        Args:
            pl_module: The model, which may be steered while it trains.

        Returns:
            True if so.
        """
        return self._parameters != {name for name, _ in pl_module.named_parameters()}

    def begin_anew(self) -> None:
        """Find the symmetries of a changed model at the next batch, unless they were told."""
        self._has_begun = False
        if not self._is_told:
            self.symmetries = None

    def _look_back(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._is_off or self._first_step is None or not self._first_step.is_watching:
            return
        self.attempt(self._look_at, self._first_step)
        self._begin_together(trainer, pl_module)

    def _look_ahead(self, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        if self.symmetries is None:
            self._first_step = FirstStep(pl_module)
            self.symmetries = self._first_step.before(batch, batch_idx)

    def _look_at(self, first_step: FirstStep) -> None:
        self.symmetries = first_step.after()

    def _begin_together(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self.together(self._begin, trainer, pl_module):
            self._has_begun = True
            self.has_begun(trainer)

    def _begin(self, trainer: Trainer, pl_module: LightningModule) -> int:
        self.symmetries = self._processes.shared(self.symmetries)
        if self.symmetries is None:
            return 0
        if self._first_step is not None:
            self._first_step.close()
        moved = {leg.parameter for s in self.symmetries for leg in s.legs if leg.kind == "parameter"}
        self._parameters = {name for name, _ in pl_module.named_parameters()}
        unknown = sorted(moved - self._parameters)
        if unknown:
            raise ValueError(
                f"`symmetries` must name parameters of {type(pl_module).__name__}, found {unknown[0]!r}"
            )
        self.begin(trainer, pl_module, self.symmetries)
        return 1
