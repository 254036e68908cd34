"""What callbacks share that steer a model by a schedule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch.optim import Optimizer

from ..._compat import Callback, LightningModule, Trainer, rank_zero_warn
from ..._plain_form import plain, record
from .._readable import check_readable
from .._run import Run
from ..schedule import Schedule
from .change import Change
from .change_in_run import ChangeInRun
from .change_in_run import form as change
from .progress import Progress
from .strength_log import StrengthLog
from .switch import FORM as SWITCH
from .switch import Switching
from .watch import FORM as WATCH

_FORM = record({"config": plain, "schedule": SWITCH}, {"events": WATCH, "change": change})


class Steering(Callback, ABC):
    """Turns steering on and off at the start of a batch, and writes checkpoints of the plain model.

    Args:
        key: Key under which the strength is logged.
        schedule: When to steer.
        change: What to do to the model, if anything.

    Raises:
        TypeError: If ``schedule`` is no schedule.
    """

    def __init__(self, key: str, schedule: Schedule | None, change: Change | None) -> None:
        if not (schedule is None or isinstance(schedule, Schedule)):
            raise TypeError(f"`schedule` must be a Schedule or None, found {schedule!r}")
        self.schedule = Schedule() if schedule is None else schedule
        self._log = StrengthLog(key)
        self._change = None if change is None else ChangeInRun(change, self.schedule.is_constant)
        self._run = Run()
        self._progress = Progress(self.schedule)
        self._acting: bool | None = None

    @property
    def history(self) -> tuple[Switching, ...]:
        """What was done: a step, ``"on"`` or ``"off"``, and the cause, for each time."""
        return self._progress.history

    @property
    @abstractmethod
    def description(self) -> Any:
        """The configuration, in plain values."""

    def act(self, trainer: Trainer, pl_module: LightningModule, active: bool) -> None:
        """Begin or end steering; called when that changes and once in every fit.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            active: Which of both.
        """
        if self._change is not None:
            self._change.act(trainer, pl_module, active)

    @abstractmethod
    def set_strength(self, strength: float) -> None:
        """Steer as strongly as that from now on.

        Args:
            strength: From 0 to 1.
        """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin a new run or go on with one; change the model if that is to last.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: ``"fit"``, or another that changes nothing.

        Raises:
            ValueError: If another callback of the Trainer changes the model as well, or one in front of this
                has copied it to average weights.
        """
        if stage != "fit":
            return
        callbacks: list[object] = list(trainer.callbacks)  # type: ignore[attr-defined]
        changing = [each for each in callbacks if isinstance(each, Steering) and each._change is not None]
        if len(changing) > 1:
            names = ", ".join(type(each).__name__ for each in changing)
            raise ValueError(f"at most one callback must change the layers of the model, found {names}")
        averaging = [each for each in callbacks[: callbacks.index(self)] if hasattr(each, "_average_model")]
        if self._change is not None and averaging:
            name = type(averaging[0]).__name__
            raise ValueError(
                f"`callbacks` must have {type(self).__name__}, which changes the layers of the model, before "
                f"{name}, which copies the model in its own setup, found it behind"
            )
        goes_on = self._run.goes_on(trainer, pl_module)
        self._progress = self._progress if goes_on else Progress(self.schedule)
        if self._change is not None:
            self._change.set_up(pl_module, goes_on)

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take up the model where the checkpoint was written.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            checkpoint: The whole checkpoint.
        """
        if self._change is not None:
            state = checkpoint.get("callbacks", {}).get(self.state_key)
            if state is not None:
                _FORM(state, "state_dict")
            known = state is not None and state["config"] == self.description and "change" in state
            self._change.load(trainer, pl_module, checkpoint, state["change"] if known else None)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Refuse what will not work later, and change the model as it was in the checkpoint.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        check_readable(pl_module, type(self).__name__)
        self._progress.check(trainer)
        self._acting = None
        self._log.begin()
        if self._change is not None:
            self._change.start(trainer, pl_module)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the strength in every epoch.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        self._log.begin()

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Begin or end steering if it is time.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The batch.
            batch_idx: Its index.
        """
        active = self._progress.advance(trainer, pl_module)
        if active != self._acting:
            self.act(trainer, pl_module, active)
            self._acting = active
        self.set_strength(self._progress.strength(trainer))
        self._log.log(pl_module, self._progress.strength(trainer))

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Set the strength of this step: a batch may have several.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            optimizer: Any.
        """
        self.set_strength(self._progress.strength(trainer))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Name what was waited for in vain.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        self._progress.warn(trainer)

    @abstractmethod
    def detach(self) -> None:
        """Leave the optimizers alone, whose parameters are restored if an update was interrupted."""

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Detach from the optimizers.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: Any.
        """
        self.detach()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Detach from the optimizers.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            exception: Any.
        """
        self.detach()

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Write the plain model, and what a resumed run needs beside it.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            checkpoint: The whole checkpoint.
        """
        state = self.state_dict() | {"events": self._progress.saved(trainer)}
        if self._change is not None:
            state["change"] = self._change.save(trainer, pl_module, checkpoint)
        checkpoint["callbacks"][self.state_key] = state

    def state_dict(self) -> dict[str, Any]:
        """Return the configuration, what was done and where the schedule is.

        Returns:
            Plain values.
        """
        return {"config": self.description, "schedule": self._progress.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on where a checkpoint was written, and warn if that was with another configuration.

        Args:
            state_dict: What :meth:`state_dict` returned then.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """
        _FORM(state_dict, "state_dict")
        if state_dict["config"] != self.description:
            rank_zero_warn(
                f"The checkpoint was trained by {type(self).__name__} with {state_dict['config']}; the run "
                f"continues with {self.description}."
            )
        self._progress.load_state_dict(state_dict["schedule"], state_dict.get("events"))
