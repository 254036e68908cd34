"""A change of a model from fit to fit, through checkpoints of the plain model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..._compat import LightningModule, Trainer
from ..._plain_form import anything, by_text, each, flag, record, tensor
from .change import Change

_ALWAYS = record({"is_on": flag, "from_setup": flag}, {"optimizers": each(anything)})
_ON = record({"exact": by_text(tensor)})


def form(state: Any, name: str) -> None:
    """The form of what a checkpoint has lost."""
    _ALWAYS(state, name)
    if state["is_on"]:
        _ON(state, name)


class ChangeInRun:
    """Changes the model as it was, when a run goes on.

    Args:
        change: What to do to it.
        is_lasting: Whether it is changed from the first step to the last; then the optimizers are made for
            the changed model, and else for the plain one.
    """

    def __init__(self, change: Change, is_lasting: bool) -> None:
        self._change = change
        self._is_lasting = is_lasting
        self._from_setup = False
        self._is_awaited = False
        self._exact: dict[str, Tensor] = {}

    def set_up(self, model: LightningModule, goes_on: bool) -> None:
        """Make the model what its optimizers are to be made for.

        Args:
            model: The model.
            goes_on: Whether this fit goes on with the one before.
        """
        is_on = self._change.is_on(model)
        self._from_setup, self._is_awaited, self._exact = self._is_lasting, False, {}
        if self._is_lasting and not is_on:
            self._change.put_on(model)
        elif is_on and not self._is_lasting:
            self._is_awaited, self._exact = goes_on, self._change.exact(model) if goes_on else {}
            self._change.take_off(model)

    def load(
        self,
        trainer: Trainer,
        model: LightningModule,
        checkpoint: dict[str, Any],
        state: Mapping[str, Any] | None,
    ) -> None:
        """Take the model up where a checkpoint was written.

        Args:
            trainer: The Trainer.
            model: The model, into which the weights of the checkpoint have been loaded.
            checkpoint: The whole checkpoint.
            state: What :meth:`save` returned then; None if something else was done to the model.

        Raises:
            ValueError: If the optimizers of this run are made for another model than those of the checkpoint.
        """
        if _restores_itself(trainer):
            return
        if trainer.state.fn == "fit":
            self._is_awaited, self._exact = False, {}
            self._from_setup = state is not None and state["from_setup"]
            if self._from_setup and not self._is_lasting:
                raise ValueError(
                    "`schedule` must be on from the start to the end to go on with this checkpoint, whose "
                    "optimizers were made for the changed model"
                )
            if self._change.is_on(model) and not self._from_setup:
                self._change.take_off(model)
                trainer.strategy.load_model_state_dict(checkpoint, strict=model.strict_loading)
        if state is None or not state["is_on"]:
            return
        self._exact = state["exact"]
        if self._change.is_on(model):
            set_exact(model, self._exact)
        elif trainer.state.fn == "fit":
            self._is_awaited = True
            checkpoint["optimizer_states"] = state.get("optimizers", checkpoint["optimizer_states"])

    def start(self, trainer: Trainer, model: LightningModule) -> None:
        """Change the model if it was, now that it has optimizers; if not, refuse what would fail later.

        Args:
            trainer: The Trainer.
            model: The model.

        Raises:
            ValueError: If the strategy could not resume a model that is changed on the way.
        """
        if _restores_itself(trainer) and not self._is_lasting:
            raise ValueError(
                "`schedule` must be on from the start to the end for a change of layers under "
                f"{type(trainer.strategy).__name__}, which restores the model by itself, found that it is not"
            )
        if self._is_awaited:
            self._change.put_on(model, trainer)
            set_exact(model, self._exact)
        elif not self._change.is_on(model):
            self._change.check(model)
        self._is_awaited, self._exact = False, {}

    def act(self, trainer: Trainer, model: LightningModule, active: bool) -> None:
        """Change the model or take that back, between two steps.

        Args:
            trainer: The Trainer.
            model: The model.
            active: Which of both.
        """
        if active and not self._change.is_on(model):
            self._change.put_on(model, trainer)
        elif not active and self._change.is_on(model):
            self._change.take_off(model, trainer)

    def save(self, trainer: Trainer, model: LightningModule, checkpoint: dict[str, Any]) -> dict[str, Any]:
        """Turn the checkpoint into one of the plain model.

        Optimizers that were made for the changed model keep their states: nobody knows the order of those
        that would be made for the plain one. Strategies that restore model and optimizers by themselves,
        before they ask anybody else, get the changed model as it is.

        Args:
            trainer: The Trainer.
            model: The model.
            checkpoint: The whole checkpoint.

        Returns:
            What it lost.
        """
        lost: dict[str, Any] = {"is_on": self._change.is_on(model), "from_setup": self._from_setup}
        if not lost["is_on"]:
            return lost
        if _restores_itself(trainer):
            return lost | {"exact": {}}
        lost["exact"] = self._change.exact(model)
        checkpoint["state_dict"] = self._change.plain_weights(model, checkpoint["state_dict"])
        if not self._from_setup:
            lost["optimizers"] = checkpoint["optimizer_states"]
            plain = self._change.plain_optimizers(trainer, model, lost["optimizers"])
            checkpoint["optimizer_states"] = plain
        return lost


def _restores_itself(trainer: Trainer) -> bool:
    return not trainer.strategy.lightning_restore_optimizer


@torch.no_grad()
def set_exact(model: LightningModule, values: Mapping[str, Tensor]) -> None:
    """Give tensors of a model their values.

    Args:
        model: The model.
        values: What :meth:`Change.exact` returned.

    Raises:
        ValueError: If the model has no such tensor; nothing is changed then.
    """
    tensors = {**dict(model.named_parameters(remove_duplicate=False)), **dict(model.named_buffers())}
    for name, value in values.items():
        if name not in tensors or tensors[name].shape != value.shape:
            raise ValueError(
                f"`state_dict['change']['exact']` must hold tensors of {type(model).__name__}, found "
                f"{name!r} of shape {tuple(value.shape)}"
            )
    for name, value in values.items():
        tensors[name].copy_(value)
