"""Log which symmetries are broken while a model trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from .._compat import LightningModule, Trainer, rank_zero_warn
from ..discovery import Symmetries
from ..metrics.order_parameters import OrderParameters
from ._symmetry_callback import SymmetryCallback


class SymmetryMonitor(SymmetryCallback):
    """Find the symmetries of the loss in training and log how far each is broken.

    Needs no configuration: on the first batch the module's own ``training_step`` is traced on fake tensors,
    which draws no random number, writes no buffer and takes no memory. If that is impossible (its control
    flow depends on numbers, say), ``forward(example_input_array)`` is traced, or else the modules that the
    real first step calls. Then the weights are looked at before the first step and after every
    ``every_n_steps`` optimizer steps. Nothing in training changes: the trained weights are the same bit for
    bit. Printing and logging are silenced in a trace; what else a step does, it does once more.

    Logged through ``self.log_dict``, so that EarlyStopping and ModelCheckpoint can monitor them (``<name>``
    is the name of a symmetry, as in ``monitor.symmetries.table()``):

    - ``symmetry/breaking_distance``, ``symmetry/breaking_distance/<name>``
    - ``symmetry/dead_units``, ``symmetry/dead_units/<name>``
    - ``symmetry/distinct_units``, ``symmetry/distinct_units/<name>``
    - ``symmetry/effective_rank``, ``symmetry/effective_rank/<name>``
    - ``symmetry/participation_ratio``, ``symmetry/participation_ratio/<name>``
    - ``symmetry/noether_imbalance``, ``symmetry/noether_imbalance/<name>``

    They are defined in :class:`~lightning_symmetry.metrics.OrderParameters`. Loggers receive the
    first look at once and the others at the Trainer's next ``log_every_n_steps``. Values that are not finite
    are not logged; the first time, a warning names them. If finding or measuring fails, the monitor warns
    once with the cause and switches itself off; training goes on. Source: Ziyin, Xu, Poggio, Chuang, arXiv
    2502.05300.

    Args:
        every_n_steps: Optimizer steps between two looks.
        symmetries: What to watch, parameters named as in the LightningModule; found in the first step by
            default.
        strict: Raise where the monitor would warn and switch itself off.

    Raises:
        ValueError: If ``every_n_steps`` is not a positive integer.

    Attributes:
        symmetries: What is watched, once it is known.

    Example:
        >>> from lightning_symmetry import SymmetryMonitor
        >>> monitor = SymmetryMonitor(every_n_steps=100)
        >>> monitor.state_key
        "SymmetryMonitor{'every_n_steps': 100}"

        In a Trainer: ``Trainer(callbacks=[SymmetryMonitor()])``.
    """

    def __init__(
        self, every_n_steps: int = 50, symmetries: Symmetries | None = None, strict: bool = False
    ) -> None:
        if not isinstance(every_n_steps, int) or isinstance(every_n_steps, bool) or every_n_steps < 1:
            raise ValueError(f"`every_n_steps` must be an integer of at least 1, found {every_n_steps!r}")
        super().__init__(symmetries, strict)
        self.every_n_steps = every_n_steps
        self._last_step: int | None = None
        self._measure: OrderParameters | None = None
        self._warned_of_nonfinite = False

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, with its configuration."""
        return self._generate_state_key(every_n_steps=self.every_n_steps)

    def state_dict(self) -> dict[str, Any]:
        """Return the last step looked at and the symmetries.

        Returns:
            Plain numbers, strings, lists and dicts.
        """
        return {
            "last_step": self._last_step,
            "symmetries": None if self.symmetries is None else self.symmetries.to_dict(),
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue where a checkpoint was written.

        Args:
            state_dict: What :meth:`state_dict` returned then.
        """
        self._last_step = state_dict["last_step"]
        if self.symmetries is None and state_dict["symmetries"] is not None:
            self.symmetries = Symmetries.from_dict(state_dict["symmetries"])

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
        self._measure = OrderParameters(symmetries)
        if self._last_step is None:
            initial = self._look(trainer, pl_module, self._measure)
            # at the Trainer's first log_every_n_steps a later look may have taken their place
            for logger in trainer.loggers:
                logger.log_metrics(initial, step=trainer.global_step)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Look at the weights when ``every_n_steps`` optimizer steps have passed.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            outputs: What the training step returned.
            batch: The batch.
            batch_idx: Its index.
        """
        super().on_train_batch_end(trainer, pl_module, outputs, batch, batch_idx)
        if self._is_off or self._measure is None or self._last_step is None:
            return
        if trainer.global_step - self._last_step >= self.every_n_steps:
            try:
                self._look(trainer, pl_module, self._measure)
            except Exception as error:
                self.fail(error)

    def _look(
        self, trainer: Trainer, pl_module: LightningModule, measure: OrderParameters
    ) -> dict[str, float]:
        values = measure(dict(pl_module.named_parameters()))
        self._last_step = trainer.global_step
        finite = self._finite(values) if values else {}
        # weights have no batch: Lightning need not look for its size
        pl_module.log_dict(finite, on_step=True, on_epoch=False, batch_size=1)
        return finite

    def _finite(self, values: Mapping[str, Tensor]) -> dict[str, float]:
        # one transfer from the device for all of them
        numbers = torch.stack([value.double() for value in values.values()]).tolist()
        finite = {key: number for key, number in zip(values, numbers, strict=True) if math.isfinite(number)}
        if len(finite) < len(numbers) and not self._warned_of_nonfinite:
            self._warned_of_nonfinite = True
            lost = [key for key in values if key not in finite]
            rank_zero_warn(
                f"SymmetryMonitor: weights are not finite at step {self._last_step}; {len(lost)} values such "
                f"as {lost[0]!r} are not logged."
            )
        return finite
