"""Say when learning changes stage while a model trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .._compat import LightningModule, Trainer, rank_zero_info
from .._plain_form import integer, optional, record
from ..stages import StageTracker, Transition
from ..stages.tracker import FORM as TRACKER
from ._looks import Looks
from ._loss_means import FORM as LOSSES
from ._loss_means import LossMeans
from ._run import Run
from ._switching_off import SwitchingOff

_FORM = record(
    {"last_reading": integer(0), "last_look": optional(integer(0)), "losses": LOSSES, "tracker": TRACKER}
)


class StageDetector(SwitchingOff):
    """Find the jumps of the loss and of the order parameters, and number the stages between them.

    Learning goes in stages: the loss stands still near a symmetric state, and falls when the symmetry breaks
    (Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300). The loss is what the module's own step returns, averaged
    over the steps and processes of every ``every_n_steps`` optimizer steps; in between nothing waits for the
    device. The order parameters are those that a :class:`~lightning_symmetry.SymmetryMonitor` of the same
    Trainer, anywhere in its list of callbacks, logs at each look; without one the loss alone is followed.
    What a jump is, how late and how surely it is found: :class:`~lightning_symmetry.stages.JumpDetector`. It
    takes eight points on either side, so that ``every_n_steps`` should be well under a twentieth of a stage.

    Logs ``symmetry/stage``, the number of the current stage from 0. Nothing in training changes: the trained
    weights are the same bit for bit. If it fails, it warns once with the cause and switches itself off.

    Args:
        every_n_steps: Optimizer steps between two readings of the loss.
        losses: Keys of the losses in what the step returns; by default ``"loss"``, or every real number if a
            step with manual optimization returns no ``"loss"``.
        watch: Patterns of the keys to follow, of those that the monitor logs.
        window: Optimizer steps within which several jumps are one change of stage; by default four readings.
        save_to: Folder for a checkpoint at each new stage, ``stage=<number>-step=<step>.ckpt``; none by
            default.
        stop_on_collapse: Stop training when distinct units or effective rank of a symmetry jump to less than
            this fraction of their largest value; never by default.
        strict: Raise where the detector would warn and switch itself off.

    Raises:
        ValueError: If ``every_n_steps`` is not a positive integer, ``window`` negative, ``stop_on_collapse``
            not a fraction, or another argument of another type.

    Example:
        >>> from lightning_symmetry import StageDetector, SymmetryMonitor
        >>> callbacks = [SymmetryMonitor(every_n_steps=20), StageDetector(every_n_steps=20)]

        After ``trainer.fit``: ``for transition in callbacks[1].transitions: print(transition)``.
    """

    def __init__(
        self,
        every_n_steps: int = 50,
        losses: Sequence[str] | None = None,
        watch: Sequence[str] = ("symmetry/*/*",),
        window: int | None = None,
        save_to: str | Path | None = None,
        stop_on_collapse: float | None = None,
        strict: bool = False,
    ) -> None:
        if not isinstance(every_n_steps, int) or isinstance(every_n_steps, bool) or every_n_steps < 1:
            raise ValueError(f"`every_n_steps` must be an integer of at least 1, found {every_n_steps!r}")
        if window is not None and (not isinstance(window, int) or window < 0):
            raise ValueError(f"`window` must be an integer of at least 0, found {window!r}")
        for name, keys in (("losses", losses), ("watch", watch)):
            if not (keys is None and name == "losses") and not _are_texts(keys):
                raise ValueError(f"`{name}` must be a sequence of texts, found {keys!r}")
        if not (save_to is None or isinstance(save_to, (str, Path))):
            raise ValueError(f"`save_to` must be a path, found {save_to!r}")
        number = isinstance(stop_on_collapse, (int, float))
        if stop_on_collapse is not None and not (number and 0 < stop_on_collapse < 1):
            raise ValueError(f"`stop_on_collapse` must be between 0 and 1, found {stop_on_collapse!r}")
        super().__init__(strict)
        self.every_n_steps = every_n_steps
        self.losses = None if losses is None else tuple(losses)
        self.watch = tuple(watch)
        self.window = 4 * every_n_steps if window is None else window
        self.save_to = None if save_to is None else Path(save_to)
        self.stop_on_collapse = stop_on_collapse
        self._run = Run()
        self.reset()

    @property
    def last_step(self) -> int | None:
        """Optimizer steps done when losses or a look were last read; ``None`` before."""
        return max(self._last_reading, self._looks.last_step or 0) or None

    @property
    def stage(self) -> int:
        """Number of the current stage, from 0."""
        return self._tracker.stage

    @property
    def transitions(self) -> tuple[Transition, ...]:
        """The last thousand transitions, in the order in which they were found."""
        return self._tracker.transitions

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, with its configuration."""
        return self._generate_state_key(
            every_n_steps=self.every_n_steps, losses=self.losses, watch=self.watch, window=self.window
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what was found and where each series is, the losses since the last reading included.

        Returns:
            Plain numbers, strings, lists and dicts.
        """
        return {
            "last_reading": self._last_reading,
            "last_look": self._looks.last_step,
            "losses": self._means.state_dict(),
            "tracker": self._tracker.state_dict(),
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Continue where a checkpoint was written.

        Args:
            state: What :meth:`state_dict` returned then.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """
        _FORM(state, "state_dict")
        self._last_reading = state["last_reading"]
        self._looks.last_step = state["last_look"]
        self._means.load_state_dict(state["losses"])
        self._tracker.load_state_dict(state["tracker"])

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin a new run, or go on with one.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: ``"fit"``, or another that changes nothing.
        """
        if stage == "fit" and not self._run.goes_on(trainer, pl_module):
            self.reset()

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note which stage the run is in.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        super().on_train_start(trainer, pl_module)
        self._saved_stage, self._has_news = self.stage, True

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Read the order parameters of a look at the end of the last batch, or before the first step.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The batch.
            batch_idx: Its index.
        """
        self._read_look(trainer)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Average the losses of all processes, and read a look that a monitor further down has had since.

        A resumed run does not know that look, and may have another number of processes.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            checkpoint: The whole checkpoint.
        """
        self._read_look(trainer)
        self.together(self._save_state, trainer, checkpoint["callbacks"])

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Read the order parameters of a look, and the losses when ``every_n_steps`` steps have passed.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            outputs: What the training step returned.
            batch: The batch.
            batch_idx: Its index.
        """
        # Lightning divides the loss where it accumulates gradients
        weight = trainer.accumulate_grad_batches if pl_module.automatic_optimization else 1
        self.attempt(self._means.add, outputs, pl_module.device, weight)
        self._read_look(trainer)
        if trainer.global_step - self._last_reading >= self.every_n_steps:
            self._last_reading = trainer.global_step
            self.together(self._follow_losses, trainer)
        self.attempt(self._log, pl_module)
        if self.save_to is not None and self.stage > self._saved_stage:
            self._saved_stage = self.stage
            path = self.save_to / f"stage={self.stage}-step={trainer.global_step}.ckpt"
            self.together(self._save, trainer, path)

    def _read_look(self, trainer: Trainer) -> None:
        if self._looks.has_news(trainer):
            self.together(self._follow_look, trainer)

    def _follow_look(self, trainer: Trainer) -> None:
        self._processes.agree("a look of the monitor")
        values = self._looks.read(trainer)
        if values:
            self._follow(trainer, self._looks.last_step or 0, values)

    def _follow_losses(self, trainer: Trainer) -> None:
        self._processes.agree("means of losses")
        self._follow(trainer, trainer.global_step, self._means.read(trainer))

    def _save(self, trainer: Trainer, path: Path) -> None:
        self._processes.agree("a checkpoint")
        trainer.save_checkpoint(path)

    def _save_state(self, trainer: Trainer, states: dict[str, Any]) -> None:
        self._processes.agree("means of losses so far")
        states[self.state_key] = self.state_dict() | {"losses": self._means.shares(trainer)}

    def _log(self, pl_module: LightningModule) -> None:
        if self._has_news:
            self._has_news = False
            pl_module.log("symmetry/stage", float(self.stage), on_step=True, on_epoch=False, batch_size=1)

    def _follow(self, trainer: Trainer, step: int, values: dict[str, float]) -> None:
        self._has_news = True
        fraction = self.stop_on_collapse or 0.0
        for transition in self._tracker.update(step, values):
            if self._tracker.has_collapsed(transition, fraction):
                trainer.should_stop = True
                rank_zero_info(f"StageDetector stops training at step {trainer.global_step}: {transition}")

    def reset(self) -> None:
        """Forget what an earlier run has found."""
        self._tracker = StageTracker(self.window)
        self._means = LossMeans(self.losses)
        self._looks = Looks(self.watch)
        self._last_reading = 0
        self._saved_stage, self._has_news = 0, True


def _are_texts(keys: object) -> bool:
    return isinstance(keys, Sequence) and all(isinstance(key, str) for key in keys)
