"""Add symmetries to a model that Lightning trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from lightning_symmetry._compat import Callback, LightningModule, Trainer, rank_zero_warn, raw_optimizer
from lightning_symmetry.callbacks._decay_clock import is_decoupled
from lightning_symmetry.surgery import Factorisation, add_symmetry
from lightning_symmetry.surgery._factored import factored_modules
from lightning_symmetry.surgery._selection import Filter

_NAMES_SHOWN = 5


class AddSymmetry(Callback):
    r"""Write parameters as products of factors before the optimizer is made.

    Weight decay on the factors then acts as the penalty that the config states: L1, group lasso, nuclear norm
    or a relative of theirs (:func:`~lightning_symmetry.add_symmetry`). What the model computes does not
    change at first. It is changed in ``setup``, so that ``configure_optimizers`` sees the factors; a model
    that is made in ``configure_model`` calls :func:`~lightning_symmetry.add_symmetry` there instead.

    Checkpoints of the plain model load, and those of the changed one resume with this callback. After
    training, :func:`~lightning_symmetry.prune` and :func:`~lightning_symmetry.fold` make a plain model of it.
    Factors without weight decay are named in a warning, as are optimizers whose decay is decoupled from the
    gradient (AdamW), which minimises another function. It logs no keys.

    Args:
        config: What to add, or a mapping of patterns of parameter names to configs, as for
            :func:`~lightning_symmetry.add_symmetry`.
        filter: As there.

    Raises:
        TypeError, ValueError: In ``setup``, as :func:`~lightning_symmetry.add_symmetry` raises them.

    Example:
        >>> from lightning_symmetry import AddSymmetry, LowRank
        >>> AddSymmetry({"*.weight": LowRank()}).state_dict()["config"]
        "{'*.weight': LowRank(rank=None)}"

        In a Trainer: ``Trainer(callbacks=[AddSymmetry(Hadamard())])``.
    """

    def __init__(
        self, config: Factorisation | Mapping[str, Factorisation | None], filter: Filter | None = None
    ) -> None:
        self.config = config
        self.filter = filter
        self._changed: list[str] = []

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Change the model, unless this callback has done so before.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            stage: Any.
        """
        if self._changed and factored_modules(pl_module):
            return
        before = {name for name, _ in pl_module.named_parameters()}
        add_symmetry(pl_module, self.config, self.filter)
        after = {name for name, _ in pl_module.named_parameters()}
        self._changed = sorted(before - after)

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Warn where weight decay does not do what the config states.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        factors = {p: n for n, p in pl_module.named_parameters() if "_factors." in n and p.requires_grad}
        optimizers = [raw_optimizer(optimizer) for optimizer in trainer.optimizers]
        decayed = {
            parameter
            for optimizer in optimizers
            for group in optimizer.param_groups
            if group.get("weight_decay", 0)
            for parameter in group["params"]
        }
        undecayed = [name for parameter, name in factors.items() if parameter not in decayed]
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

    def state_dict(self) -> dict[str, Any]:
        """Return what was done, in plain strings."""
        return {"config": repr(self.config), "changed": list(self._changed)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Warn if a checkpoint was written with another configuration.

        Args:
            state_dict: What :meth:`state_dict` returned then.
        """
        if state_dict["config"] != repr(self.config):
            rank_zero_warn(
                f"The checkpoint was trained by AddSymmetry with {state_dict['config']}; the run continues "
                f"with {self.config!r}."
            )


def _decouples(optimizer: Optimizer) -> bool:
    return any(
        group.get("weight_decay", 0) and is_decoupled(optimizer, group) for group in optimizer.param_groups
    )
