"""What every callback does that must not stop a run when it fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

from .._compat import Callback, LightningModule, Trainer, rank_zero_warn
from ._together import FailedTogetherError, Together


class SwitchingOff(Callback, ABC):
    """Warns once with the cause and is off for the rest of the fit, in all processes together.

    Args:
        strict: Raise where the callback would warn and switch itself off.
    """

    def __init__(self, strict: bool) -> None:
        self.strict = strict
        self._is_off = False
        self._processes = Together()
        self._untold: Exception | None = None

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start afresh: what is off stays off for one fit only. Where nothing can be logged, it is off.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        self._is_off, self._untold = trainer.barebones, None
        if trainer.barebones:
            rank_zero_warn(f"{type(self).__name__} is off: Trainer(barebones=True) logs nothing.")
        self._processes.join(trainer)

    @property
    @abstractmethod
    def last_step(self) -> int | None:
        """Optimizer steps done when something was last looked at; ``None`` before."""

    @abstractmethod
    def go_on(self, state: Mapping[str, Any]) -> None:
        """Go on where another callback was.

        Args:
            state: What its ``state_dict`` returned.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """

    @abstractmethod
    def reset(self) -> None:
        """Forget what an earlier run has found."""

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where a checkpoint was written; begin anew and say why if what it holds is damaged.

        Args:
            state_dict: What ``state_dict`` returned then.

        Raises:
            ValueError: If it did not return that and the callback is strict; nothing is changed then.
        """
        try:
            self.go_on(state_dict)
        except ValueError as error:
            self._begin_anew(error)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew and say why if a checkpoint brought what comes from steps that the run has not done.

        Args:
            trainer: The Trainer.
            pl_module: The model.

        Raises:
            ValueError: If so and the callback is strict.
        """
        if (self.last_step or 0) > trainer.global_step:
            rule = f"be at most {trainer.global_step}, the steps of the run"
            self._begin_anew(ValueError(f"`last_step` must {rule}, found {self.last_step}"))

    def _begin_anew(self, error: ValueError) -> None:
        if self.strict:
            raise error
        self.reset()
        rank_zero_warn(f"{type(self).__name__} begins anew, its state is damaged: {error}")

    def require(self, check: Callable[..., object], *args: Any) -> None:
        """Call what fails in all processes or in none.

        Args:
            check: What to do.
            *args: What it takes.
        """
        try:
            check(*args)
        except Exception as error:
            self.fail(error)

    def attempt(self, act: Callable[..., object], *args: Any) -> None:
        """Call a function that needs no other process; if it fails, so be it.

        Of several processes, one that fails tells the others the next time that they meet.

        Args:
            act: What to do.
            *args: What it takes.
        """
        if self._is_off or self._untold is not None:
            return
        try:
            act(*args)
        except Exception as error:
            if self._processes.several:
                self._untold = error
            else:
                self.fail(error)

    def together(self, act: Callable[..., int | None], *args: Any) -> int | None:
        """Call a function in all processes; if it fails in one, it has failed in all.

        Args:
            act: What to do. It has the processes agree before they exchange anything else.
            *args: What it takes.

        Returns:
            The largest of the numbers that it returns, 0 for None; None if it failed, or if the callback is
            off.
        """
        if self._is_off:
            return None
        try:
            if self._untold is not None:
                raise self._untold
            return self._processes.agree("the end", act(*args) or 0)
        except FailedTogetherError as error:
            self.fail(error)
        except Exception as error:
            self._processes.tell(error)
            self.fail(error)
        return None

    def fail(self, error: Exception) -> None:
        """Switch off until the next fit, and say why.

        Args:
            error: The cause.

        Raises:
            Exception: The cause itself, if the callback is strict.
        """
        self._is_off = True
        if self.strict:
            raise error
        name = type(self).__name__
        rank_zero_warn(f"{name} switches itself off, training goes on: {type(error).__name__}: {error}")
