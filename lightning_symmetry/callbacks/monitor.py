"""Log which symmetries are broken while a model trains."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from .._compat import LightningModule, Trainer, rank_zero_warn
from .._plain_form import anything, integer, optional, record
from ..discovery import Symmetries
from ..metrics._model.whole_values import is_sharded
from ._budget import Budget
from ._charge_memory import FORM as CHARGES
from ._collapse_warning import FORM as LOOKS
from ._compiled import uncompiled_hook
from ._loss_scale import loss_scale
from ._observer import Observer
from ._run import Run
from ._symmetry_callback import SymmetryCallback

_FORM = record(
    {"last_step": optional(integer(0)), "symmetries": anything},
    {"interval": integer(1), "looks": LOOKS, "charges": CHARGES},
)


class SymmetryMonitor(SymmetryCallback):
    """Find the symmetries of the loss in training and log how far each is broken.

    Needs no configuration: on the first batch the module's own ``training_step`` is traced on fake tensors,
    which draws no random number, writes no buffer and takes no memory. If that is impossible (its control
    flow depends on numbers, say), ``forward(example_input_array)`` is traced, or else the modules that the
    real first step calls. Then the weights are looked at before the first step and after every
    ``every_n_steps`` optimizer steps, or less often where looking would take more than ``max_overhead`` of
    the training time. Nothing in training changes: the trained weights are the same bit for
    bit. Printing and logging are silenced in a trace; what else a step does, it does once more.

    Logged through ``self.log_dict``, so that EarlyStopping and ModelCheckpoint can monitor them (``<name>``
    is the name of a symmetry, as in ``monitor.symmetries.table()``):

    - ``symmetry/breaking_distance``, ``symmetry/breaking_distance/<name>``
    - ``symmetry/broken_share``, ``symmetry/broken_share/<name>``
    - ``symmetry/dead_units``, ``symmetry/dead_units/<name>``
    - ``symmetry/duplicate_units``, ``symmetry/duplicate_units/<name>``
    - ``symmetry/distinct_units``, ``symmetry/distinct_units/<name>``
    - ``symmetry/unbroken``, ``symmetry/unbroken/<name>``
    - ``symmetry/effective_rank``, ``symmetry/effective_rank/<name>``
    - ``symmetry/participation_ratio``, ``symmetry/participation_ratio/<name>``
    - ``symmetry/stable_rank``, ``symmetry/stable_rank/<name>``
    - ``symmetry/numerical_rank``, ``symmetry/numerical_rank/<name>``
    - ``symmetry/noether_imbalance``, ``symmetry/noether_imbalance/<name>``
    - ``symmetry/charge_drift``, ``symmetry/charge_drift/<name>``
    - ``symmetry/charge_drift_predicted``, ``symmetry/charge_drift_predicted/<name>``
    - ``symmetry/charge_drift_unexplained``, ``symmetry/charge_drift_unexplained/<name>``
    - ``symmetry/growth_rate``, ``symmetry/growth_rate/<name>``
    - ``symmetry/orbit_leak``, ``symmetry/orbit_leak/<name>``
    - ``symmetry/collapse_risk``, ``symmetry/collapse_risk/<name>``
    - ``symmetry/effective_parameters``

    They are defined in :class:`~lightning_symmetry.metrics.OrderParameters` and
    :class:`~lightning_symmetry.metrics.ChargeDrift`. Growth rates, which include weight decay, and orbit
    leaks, which do not, are those of the gradients of the step before a look. Charges are compared with
    those of the look before, which checkpoints hold, too, and with what decay has left of them at the
    learning rates in between: by SGD through its momentum, and decoupled as by AdamW. Where an optimizer
    adapts a coupled decay to the gradients, as Adam does, there is no prediction. The collapse risk comes
    from the latest 16 looks at breaking distances, see
    :func:`~lightning_symmetry.functional.collapse_risk`. Loggers receive the first look at once and the
    others at the Trainer's next ``log_every_n_steps``. Values that are not finite
    are not logged; the first time, a warning names them. If finding or measuring fails, the monitor warns
    once with the cause and switches itself off; training goes on. Source: Ziyin, Xu, Poggio, Chuang, arXiv
    2502.05300.

    Where steering gives the model other parameters in mid-run, its symmetries are found anew, and nothing is
    compared across that moment.

    Of several processes, all look at the same steps, and before they exchange anything they agree that none
    has failed: if one has, all switch off together. A parameter that is sharded (FSDP2 or tensor parallelism
    by ``ModelParallelStrategy``) is put together when it is read and let go when the next one is, so that a
    look takes memory for single layers, never for the model; processes receive each a few times. Where
    parameters do not hold their values (``FSDPStrategy``, DeepSpeed at stage 3), the monitor switches itself
    off before training starts; at stages 1 and 2, which keep gradients elsewhere, it logs no rates.

    Args:
        every_n_steps: Optimizer steps between two looks, at least.
        max_overhead: Share of the training time that looking may take; the interval becomes longer where it
            has to. None looks every ``every_n_steps``, whatever it costs.
        exact: Whether to measure exactly or to sketch, see
            :class:`~lightning_symmetry.metrics.OrderParameters`; by default exactly unless a space has more
            than 512 units.
        symmetries: What to watch, parameters named as in the LightningModule; found in the first step by
            default.
        strict: Raise where the monitor would warn and switch itself off.

    Raises:
        TypeError: If ``symmetries`` are none.
        ValueError: If ``every_n_steps`` is not a positive integer, or ``max_overhead`` not positive.

    Attributes:
        symmetries: What is watched, once it is known.
        interval: Optimizer steps between two looks at present.

    Example:
        >>> from lightning_symmetry import SymmetryMonitor
        >>> monitor = SymmetryMonitor(every_n_steps=100)
        >>> monitor.state_key
        "SymmetryMonitor{'every_n_steps': 100}"

        In a Trainer: ``Trainer(callbacks=[SymmetryMonitor()])``.
    """

    def __init__(
        self,
        every_n_steps: int = 50,
        symmetries: Symmetries | None = None,
        strict: bool = False,
        max_overhead: float | None = 0.01,
        exact: bool | None = None,
    ) -> None:
        if not isinstance(every_n_steps, int) or isinstance(every_n_steps, bool) or every_n_steps < 1:
            raise ValueError(f"`every_n_steps` must be an integer of at least 1, found {every_n_steps!r}")
        super().__init__(symmetries, strict)
        self.every_n_steps = every_n_steps
        self.max_overhead = max_overhead
        self.exact = exact
        self._run = Run()
        self._last_step: int | None = None
        self.reset()

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, with its configuration."""
        return self._generate_state_key(every_n_steps=self.every_n_steps)

    @property
    def last_step(self) -> int | None:
        """Optimizer steps done when the weights were last looked at; ``None`` before the first look."""
        return self._last_step

    def state_dict(self) -> dict[str, Any]:
        """Return the last step looked at, the symmetries and what the next look is compared with.

        Returns:
            Plain numbers, strings, lists and dicts; Noether charges as tensors on the CPU.
        """
        return {
            "last_step": self._last_step,
            "interval": self.interval,
            **self._observer.state_dict(),
            "symmetries": None if self.symmetries is None else self.symmetries.to_dict(),
        }

    def go_on(self, state: Mapping[str, Any]) -> None:
        """Continue where a checkpoint was written.

        Args:
            state: What :meth:`state_dict` returned then.

        Raises:
            ValueError: If it did not return that; nothing is changed then.
        """
        _FORM(state, "state_dict")
        plain = state["symmetries"]
        symmetries = None if plain is None else Symmetries.from_dict(plain)
        if self.symmetries is None:
            self.symmetries = symmetries
        self._last_step = state["last_step"]
        self.interval = state.get("interval", self.every_n_steps)
        self._observer.load_state_dict(state)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Begin a new run, or go on with one.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: ``"fit"``, or another that changes nothing.
        """
        super().setup(trainer, pl_module, stage)
        if stage == "fit" and not self._run.goes_on(trainer, pl_module):
            self.reset()

    def begin(self, trainer: Trainer, pl_module: LightningModule, symmetries: Symmetries) -> None:
        """Look at the weights as they were initialised.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            symmetries: What to watch.
        """
        if not symmetries:
            rank_zero_warn(
                f"SymmetryMonitor found no symmetry in {type(pl_module).__name__}: there is nothing to watch."
            )
        self._observer.watch(symmetries, self.exact)
        if self._last_step is None:
            initial = self._look(trainer, pl_module)
            # at the Trainer's first log_every_n_steps a later look may have taken their place
            for logger in trainer.loggers:
                logger.log_metrics(initial, step=trainer.global_step)

    def has_begun(self, trainer: Trainer) -> None:
        """Note that the weights were looked at as they were initialised.

        Args:
            trainer: The Trainer.
        """
        if self._last_step is None:
            self._last_step = trainer.global_step

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Find the symmetries on the first batch, and start the clock.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The batch.
            batch_idx: Its index.
        """
        super().on_train_batch_start(trainer, pl_module, batch, batch_idx)
        self._budget.batch_starts()

    @uncompiled_hook
    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Count what weight decay will leave, and look at the gradients if this step is followed by a look.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            optimizer: The optimizer that is about to step.
        """
        if self._is_off or not self._observer.is_ready:
            return
        self.attempt(self._observer.step, trainer.optimizers, optimizer)
        # a batch may take one step with each optimizer
        if self._is_due(trainer.global_step + len(trainer.optimizers)) and not self.is_changed(pl_module):
            # whole gradients need no other process
            call = self.together if any(map(is_sharded, pl_module.parameters())) else self.attempt
            call(self._look_at_gradients, trainer, pl_module, optimizer)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the weights when enough optimizer steps have passed.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            outputs: What the training step returned.
            batch: The batch.
            batch_idx: Its index.
        """
        self._budget.batch_ends()
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._is_off or not self._observer.is_ready or not self._is_due(trainer.global_step):
            return
        if self.is_changed(pl_module):
            self._observer.forget()
            self.begin_anew()
            return
        # clocks differ from process to process: all look at the same steps, when the slowest can afford it
        interval = self.together(self._timed_look, trainer, pl_module)
        if interval is not None:
            self.interval, self._last_step = interval, trainer.global_step

    def reset(self) -> None:
        """Forget what an earlier run has found."""
        self._budget = Budget(self.max_overhead)
        self._observer = Observer("SymmetryMonitor", self._processes.agree)
        self._look_seconds = 0.0
        self._last_step = None
        self.interval = self.every_n_steps

    def _is_due(self, step: int) -> bool:
        return self._last_step is not None and step - self._last_step >= self.interval

    def _look_at_gradients(self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer) -> None:
        started = time.perf_counter()
        scale = loss_scale(trainer, optimizer)
        self._observer.look_at_gradients(pl_module, optimizer, scale)
        self._look_seconds = time.perf_counter() - started

    def _timed_look(self, trainer: Trainer, pl_module: LightningModule) -> int:
        before, started = self._last_step or 0, time.perf_counter()
        self._look(trainer, pl_module)
        seconds = self._look_seconds + time.perf_counter() - started
        return self._budget.interval(self.every_n_steps, trainer.global_step - before, seconds)

    def _look(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, float]:
        values = self._observer.look(pl_module, trainer.optimizers, trainer.global_step)
        # weights have no batch: Lightning need not look for its size
        pl_module.log_dict(values, on_step=True, on_epoch=False, batch_size=1)
        return values
