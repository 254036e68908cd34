"""Remove the symmetries of a model while Lightning trains it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from lightning_symmetry._compat import LightningModule, Trainer, rank_zero_warn, raw_optimizer
from lightning_symmetry.callbacks._steering.attached_offsets import AttachedOffsets
from lightning_symmetry.callbacks._steering.kinds import entries, offsets
from lightning_symmetry.callbacks._steering.removed_layers import RemovedLayers
from lightning_symmetry.callbacks._steering.steering import Steering
from lightning_symmetry.callbacks.schedule import Schedule
from lightning_symmetry.surgery._choice import Filter
from lightning_symmetry.surgery.remove_symmetry import Removal
from lightning_symmetry.surgery.syre import Syre

_NAMES_SHOWN = 5


class RemoveSymmetry(Steering):
    r"""Remove symmetries of the loss, from the start or while the model trains.

    A :class:`~lightning_symmetry.Syre` lets weight decay pull towards a frozen random offset. With weight
    decay :math:`\gamma` in the optimizer, the model is trained on :math:`\ell(\theta') + \gamma \|\theta' -
    \theta_0\|^2` instead of :math:`\ell(\theta') + \gamma \|\theta'\|^2`, which is :math:`\ell(\theta +
    \theta_0) + \gamma \|\theta\|^2` in :math:`\theta = \theta' - \theta_0`. No group element fixes the random
    :math:`\theta_0`, so training no longer collapses to symmetric states such as identical, dead or low-rank
    units. The offset acts inside the optimizer step, of every optimizer of the run; the forward pass and the
    names of the parameters stay those of the plain model, whose weights are :math:`\theta'`. It is drawn
    again from the seed when a run is resumed. In a ramp it is the strength times :math:`\theta_0`. Parameters
    that have factors of an added symmetry get theirs when they are back. Without weight decay nothing at all
    changes: the callback warns once and names the parameters of groups that have ``weight_decay=0``.

    Other configs, alone or in a mapping, act in the layers (:func:`~lightning_symmetry.remove_symmetry`).
    These are changed in ``setup`` or, with a schedule, at the start of a batch; when it goes off the layers
    are folded, or undone if an activation was replaced, which no plain one equals.

    Checkpoints are those of the plain model and resume exactly with this callback, which keeps in its state
    what they lack; only where activations **and** weights were replaced do they keep the names of the changed
    model, as they do under strategies that restore the model by themselves (``ModelParallelStrategy``). Files
    of weights alone (``save_weights_only=True``) are written without asking callbacks.

    Logs ``symmetry/removal_strength``, from 0 to 1.

    Reference: Ziyin, Xu, Chuang, *Remove Symmetries to Control Model Expressivity and Improve Optimization*,
    arXiv 2408.15495.

    Args:
        config: What to do, or a mapping from patterns of names to that, with the rules of
            :func:`~lightning_symmetry.remove_symmetry`.
        filter: As there; ``None`` keeps all. Frozen parameters get no offset until they are unfrozen.
        schedule: When to act and how strongly; from the start to the end by default.

    Raises:
        TypeError: If ``config``, ``filter`` or ``schedule`` is something else.
        ValueError: If ``schedule`` has a ramp and ``config`` acts in layers, which cannot do so by halves; if
            activations and weights are to be replaced for a while.

    Example:
        >>> from lightning_symmetry import OnMetric, RemoveSymmetry, Schedule, Syre
        >>> callback = RemoveSymmetry(Syre(std=0.05), filter=lambda name, parameter: parameter.ndim > 1)
        >>> callback.state_key
        "RemoveSymmetry{'std': 0.05, 'units': 'init', 'seed': 0, 'spread': 0.0}"
        >>> schedule = Schedule(on=OnMetric(above=0.5), off=2000, ramp=100)  # when collapse_risk rises

        In a Trainer: ``Trainer(callbacks=[SymmetryMonitor(), RemoveSymmetry(Syre(), schedule=schedule)])``.
    """

    def __init__(
        self,
        config: Removal | Mapping[str, Removal | None],
        filter: Filter | None = None,
        schedule: Schedule | None = None,
    ) -> None:
        kinds = {type(entry) for entry in entries(config)}
        layers = RemovedLayers(config, filter) if kinds - {Syre} else None
        self.config = config
        self.filter = filter
        self._has_offsets = Syre in kinds
        self._offsets: AttachedOffsets | None = None
        super().__init__("symmetry/removal_strength", schedule, layers)
        if layers is not None and self.schedule.ramp:
            raise ValueError(f"`schedule` must have no ramp for {config!r}, found {self.schedule.ramp}")
        if layers is not None and layers.is_mixed and not self.schedule.is_constant:
            raise ValueError(
                "`schedule` must be on from the start to the end for activations together with weights, "
                f"found {self.schedule}"
            )

    @property
    def description(self) -> Any:
        """The configuration."""
        return asdict(self.config) if isinstance(self.config, Syre) else repr(self.config)

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, with its configuration."""
        return self._generate_state_key(
            **(asdict(self.config) if isinstance(self.config, Syre) else {"config": repr(self.config)})
        )

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Look for the state that another configuration left, which Lightning itself does not hand over.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            checkpoint: The whole checkpoint.
        """
        super().on_load_checkpoint(trainer, pl_module, checkpoint)
        states = checkpoint.get("callbacks", {})
        others = [key for key in states if str(key).startswith(f"{type(self).__qualname__}{{")]
        if others and self.state_key not in others:
            self.load_state_dict(states[others[0]])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the parameters, and refuse or name what nothing can be done about.

        Args:
            trainer: The Trainer.
            pl_module: The model.

        Raises:
            ValueError: If no optimizer has ``weight_decay`` or none trains a parameter that passes the
                filter, or if the optimizer cannot decay it towards an offset.
        """
        if self._has_offsets:
            chosen = offsets(pl_module, self.config, self.filter)
            optimizers = [raw_optimizer(optimizer) for optimizer in trainer.optimizers]
            self._offsets = AttachedOffsets(pl_module, chosen, optimizers)
            _warn(self._offsets)
        super().on_fit_start(trainer, pl_module)

    def act(self, trainer: Trainer, pl_module: LightningModule, active: bool) -> None:
        """Change the layers and attach to the optimizers, or take that back.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            active: Which of both.
        """
        super().act(trainer, pl_module, active)
        if self._offsets is not None:
            self._offsets.detach()
            if active:
                self._offsets.attach()

    def set_strength(self, strength: float) -> None:
        """Decay towards that share of the offsets.

        Args:
            strength: From 0 to 1.
        """
        if self._offsets is not None:
            self._offsets.set_strength(strength)

    def detach(self) -> None:
        """Leave the optimizers alone."""
        if self._offsets is not None:
            self._offsets.detach()
            self._offsets = None


def _warn(offsets: AttachedOffsets) -> None:
    if offsets.without:
        rank_zero_warn(
            f"RemoveSymmetry leaves the parameters of {', '.join(offsets.without)} as they are: it acts "
            "through weight decay, and this optimizer has no `weight_decay`."
        )
    undecayed = offsets.undecayed
    if undecayed:
        more = f" and {len(undecayed) - _NAMES_SHOWN} more" if len(undecayed) > _NAMES_SHOWN else ""
        rank_zero_warn(
            f"RemoveSymmetry leaves {', '.join(undecayed[:_NAMES_SHOWN])}{more} as they are: their "
            "parameter group has weight_decay=0, and an offset without weight decay removes no symmetry. "
            "Give them weight decay, or leave them out with `filter`."
        )
