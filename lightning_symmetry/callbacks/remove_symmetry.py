"""Remove the symmetries of a model while Lightning trains it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from torch import Tensor

from lightning_symmetry._compat import Callback, LightningModule, Trainer, rank_zero_warn, raw_optimizer
from lightning_symmetry.surgery.offset_decay import OffsetDecay, has_weight_decay, matching
from lightning_symmetry.surgery.syre import Syre, syre_offset

_NAMES_SHOWN = 5


class RemoveSymmetry(Callback):
    r"""Remove every symmetry of the loss by letting weight decay pull towards a frozen random offset.

    With weight decay :math:`\gamma` in the optimizer, the model is trained on :math:`\ell(\theta') + \gamma
    \|\theta' - \theta_0\|^2` instead of :math:`\ell(\theta') + \gamma \|\theta'\|^2`, which is
    :math:`\ell(\theta + \theta_0) + \gamma \|\theta\|^2` in :math:`\theta = \theta' - \theta_0`. No group
    element fixes the random :math:`\theta_0`, so training no longer collapses to symmetric states such as
    identical, dead or low-rank units.

    The offset acts inside the optimizer step, of every optimizer of the run. The forward pass, the names of
    the parameters and the checkpoints stay those of the plain model, whose weights are :math:`\theta'`: a
    checkpoint loads with and without this callback. The offset is drawn again from the seed when a run is
    resumed.

    Without weight decay nothing at all changes: the callback warns once and names the parameters of groups
    that have ``weight_decay=0``. It logs no keys.

    Reference: Ziyin, Xu, Chuang, *Remove Symmetries to Control Model Expressivity and Improve Optimization*,
    arXiv 2408.15495.

    Args:
        config: Size and seed of the offset.
        filter: Called with the name and value of each parameter of the LightningModule, keeps those it
            returns true for; ``None`` keeps all. Frozen parameters get no offset until they are unfrozen.

    Raises:
        TypeError: If ``config`` is not a :class:`~lightning_symmetry.surgery.Syre`.

    Example:
        >>> from lightning_symmetry.surgery import Syre
        >>> callback = RemoveSymmetry(Syre(std=0.05), filter=lambda name, parameter: parameter.ndim > 1)
        >>> callback.state_key
        "RemoveSymmetry{'std': 0.05, 'units': 'init', 'seed': 0}"

        In a Trainer: ``Trainer(callbacks=[RemoveSymmetry(Syre())])``.
    """

    def __init__(self, config: Syre, filter: Callable[[str, Tensor], bool] | None = None) -> None:
        if not isinstance(config, Syre):
            raise TypeError(f"`config` must be a Syre, found {config!r}")
        self.config = config
        self.filter = filter
        self._attached: list[OffsetDecay] = []

    @property
    def state_key(self) -> str:
        """Name of this callback's state in checkpoints, with its configuration."""
        return self._generate_state_key(**asdict(self.config))

    def state_dict(self) -> dict[str, Any]:
        """Return the configuration as plain numbers and strings.

        Returns:
            The fields of the config.
        """
        return asdict(self.config)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warn if the checkpoint was written with another configuration: the offset changes with it.

        Args:
            state_dict: What :meth:`state_dict` returned when the checkpoint was written.
        """
        if state_dict != self.state_dict():
            rank_zero_warn(
                f"The checkpoint was trained by RemoveSymmetry with {state_dict}; the run continues with a "
                f"different offset, that of {self.state_dict()}."
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
        states = checkpoint.get("callbacks", {})
        others = [key for key in states if str(key).startswith(f"{type(self).__qualname__}{{")]
        if others and self.state_key not in others:
            self.load_state_dict(states[others[0]])

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Attach to the optimizers.

        Args:
            trainer: The Trainer.
            pl_module: The model.

        Raises:
            ValueError: If no optimizer has ``weight_decay`` or none trains a parameter that passes the
                filter, or if such a parameter is less precise than float32.
        """
        names: dict[Tensor, str] = {
            parameter: name
            for name, parameter in pl_module.named_parameters()
            if self.filter is None or self.filter(name, parameter)
        }
        optimizers = [raw_optimizer(optimizer) for optimizer in trainer.optimizers]
        without = [type(optimizer).__name__ for optimizer in optimizers if not has_weight_decay(optimizer)]
        if len(without) == len(optimizers):
            raise ValueError(
                "at least one optimizer must have `weight_decay` in its parameter groups, through which "
                f"RemoveSymmetry acts, found {', '.join(without) or 'no optimizer'}"
            )
        chosen = [
            optimizer
            for optimizer in optimizers
            if has_weight_decay(optimizer) and matching(optimizer, names)
        ]
        if not chosen:
            raise ValueError(
                "`filter` must keep at least one trainable parameter of an optimizer with `weight_decay`, "
                f"found none among the {len(names)} parameters that it keeps"
            )
        draw = partial(syre_offset, pl_module, config=self.config)
        for optimizer in chosen:
            self._attached.append(OffsetDecay(optimizer, names, draw))

        self._warn(without, [pair for optimizer in chosen for pair in matching(optimizer, names)], names)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Detach from the optimizers.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: Any.
        """
        self._detach()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Detach from the optimizers, which also restores the parameters if the update was interrupted.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            exception: Any.
        """
        self._detach()

    def _detach(self) -> None:
        while self._attached:
            self._attached.pop().remove()

    def _warn(
        self, without: list[str], matched: list[tuple[Tensor, float]], names: Mapping[Tensor, str]
    ) -> None:
        if without:
            rank_zero_warn(
                f"RemoveSymmetry leaves the parameters of {', '.join(without)} as they are: it acts "
                "through weight decay, and this optimizer has no `weight_decay`."
            )
        undecayed = [names[parameter] for parameter, weight_decay in matched if weight_decay == 0]
        if undecayed:
            more = f" and {len(undecayed) - _NAMES_SHOWN} more" if len(undecayed) > _NAMES_SHOWN else ""
            rank_zero_warn(
                f"RemoveSymmetry leaves {', '.join(undecayed[:_NAMES_SHOWN])}{more} as they are: their "
                "parameter group has weight_decay=0, and an offset without weight decay removes no symmetry. "
                "Give them weight decay, or leave them out with `filter`."
            )
