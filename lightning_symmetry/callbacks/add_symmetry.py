"""Add symmetries to a model that Lightning trains."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from lightning_symmetry._compat import LightningModule, Trainer, rank_zero_warn, raw_optimizer
from lightning_symmetry._plain_form import each, plain, record, text
from lightning_symmetry.callbacks._steering.added_factors import AddedFactors
from lightning_symmetry.callbacks._steering.decay_share import DecayShare
from lightning_symmetry.callbacks._steering.steering import Steering
from lightning_symmetry.callbacks.schedule import Schedule
from lightning_symmetry.surgery import Factorisation
from lightning_symmetry.surgery._choice import Filter
from lightning_symmetry.surgery._decay_form import is_decoupled

_NAMES_SHOWN = 5

_FORM = record({"config": plain, "changed": each(text)})


class AddSymmetry(Steering):
    r"""Write parameters as products of factors, from the start or while the model trains.

    Weight decay on the factors then acts as the penalty that the config states: L1, group lasso, nuclear norm
    or a relative of theirs (:func:`~lightning_symmetry.add_symmetry`). What the model computes does not
    change when it begins.

    Without a schedule, or with one that is on from the start to the end, the model is changed in ``setup``,
    so that ``configure_optimizers`` sees the factors; a model that is made in ``configure_model`` calls
    :func:`~lightning_symmetry.add_symmetry` there instead. Any other schedule changes it at the start of a
    batch: in every optimizer the factors take the place of the parameter, in its group, without state of
    their own at first; the state of other parameters, the groups and their learning rates go on. When it goes
    off, the very same parameters come back, with the values that the factors make, and without state. During
    a ramp, factors have the strength times the weight decay of their group.

    Checkpoints are those of the plain model, with and without a schedule: they load strictly where this
    package is missing, and resume exactly with this callback; the factors are in its state. Where the model
    was changed in ``setup``, so are the states of the optimizers, which no plain run resumes from. Files of
    weights alone (``save_weights_only=True``) are written without asking callbacks and hold the factors;
    :func:`~lightning_symmetry.surgery.plain_state_dict` makes plain ones of them; so do checkpoints of
    strategies that restore the model by themselves (``ModelParallelStrategy``), under which the schedule must
    be on from the start to the end. At the end of training the
    model keeps its factors if it is on then: :func:`~lightning_symmetry.prune` and
    :func:`~lightning_symmetry.fold` make a plain model of it.

    Logs ``symmetry/addition_strength``, from 0 to 1. Factors without weight
    decay are named in a warning, as are optimizers whose decay is decoupled from the gradient (AdamW), which
    minimises another function.

    Args:
        config: What to add, or a mapping of patterns of parameter names to configs, as for
            :func:`~lightning_symmetry.add_symmetry`.
        filter: As there. It is asked when a fit starts.
        schedule: When to act and how strongly; from the start to the end by default.
        threshold: When it goes off, zero every unit up to this size, as :func:`~lightning_symmetry.prune`
            does; by default none.

    Raises:
        TypeError, ValueError: When the fit starts, as :func:`~lightning_symmetry.add_symmetry` raises them,
            whenever the schedule begins; if ``threshold`` is no finite number of at least 0.

    Example:
        >>> from lightning_symmetry import AddSymmetry, LowRank, Schedule
        >>> AddSymmetry({"*.weight": LowRank()}, schedule=Schedule(on=500, off=1000)).state_dict()["config"]
        "{'*.weight': LowRank(rank=None)}"

        In a Trainer: ``Trainer(callbacks=[AddSymmetry(Hadamard())])``.
    """

    def __init__(
        self,
        config: Factorisation | Mapping[str, Factorisation | None],
        filter: Filter | None = None,
        schedule: Schedule | None = None,
        threshold: float | None = None,
    ) -> None:
        number = isinstance(threshold, (int, float)) and not isinstance(threshold, bool)
        if threshold is not None and not (number and math.isfinite(threshold) and threshold >= 0):
            raise ValueError(f"`threshold` must be a finite number of at least 0, found {threshold!r}")
        self.config = config
        self.filter = filter
        self.threshold = threshold
        self._factors = AddedFactors(config, filter, threshold)
        self._shares: list[DecayShare] = []
        super().__init__("symmetry/addition_strength", schedule, self._factors)

    @property
    def description(self) -> str:
        """The configuration."""
        return repr(self.config)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Warn where weight decay does not do what the config states.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        super().on_fit_start(trainer, pl_module)
        optimizers = [raw_optimizer(optimizer) for optimizer in trainer.optimizers]
        if self.schedule.ramp:
            factors = self._factors
            self._shares = [DecayShare(each, lambda: factors.originals(pl_module)) for each in optimizers]
        decayed = {
            parameter
            for optimizer in optimizers
            for group in optimizer.param_groups
            if group.get("weight_decay", 0)
            for parameter in group["params"]
        }
        concerned = self._factors.concerned(pl_module)
        undecayed = [name for name, parameter in concerned.items() if parameter not in decayed]
        if undecayed:
            more = f" and {len(undecayed) - _NAMES_SHOWN} more" if len(undecayed) > _NAMES_SHOWN else ""
            rank_zero_warn(
                f"AddSymmetry favours nothing in {', '.join(undecayed[:_NAMES_SHOWN])}{more}: no optimizer "
                "gives them `weight_decay`, and the symmetry acts through it."
            )
        decoupled = [type(optimizer).__name__ for optimizer in optimizers if _decouples(optimizer)]
        if decoupled:
            rank_zero_warn(
                "AddSymmetry acts as the penalty that its config states under coupled weight decay; that of "
                f"{', '.join(decoupled)} is decoupled from the gradient and minimises another function. Use "
                "SGD or Adam with `weight_decay`."
            )

    def set_strength(self, strength: float) -> None:
        """Decay the factors by that share.

        Args:
            strength: From 0 to 1.
        """
        for share in self._shares:
            share.strength = strength

    def state_dict(self) -> dict[str, Any]:
        """Return what was done, and the names of the parameters that have factors or will.

        Returns:
            Plain numbers, strings, lists and dicts.
        """
        return super().state_dict() | {"changed": list(self._factors.names)}

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take up the model where the checkpoint was written, with the same parameters.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            checkpoint: The whole checkpoint.

        Raises:
            ValueError: If its state is damaged.
        """
        state = checkpoint.get("callbacks", {}).get(self.state_key)
        if state is not None:
            _FORM(state, "state_dict")
        if state is not None and state["config"] == self.description:
            self._factors.names = list(state["changed"])
        super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def detach(self) -> None:
        """Leave the optimizers alone."""
        while self._shares:
            self._shares.pop().remove()


def _decouples(optimizer: Optimizer) -> bool:
    return any(
        group.get("weight_decay", 0) and is_decoupled(optimizer, group) for group in optimizer.param_groups
    )
