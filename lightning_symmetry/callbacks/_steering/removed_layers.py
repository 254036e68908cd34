"""Symmetries removed in the layers of a model, also while it trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..._compat import LightningModule, Trainer
from ...surgery import ActivationAsymmetry, Syre, fold, remove_symmetry, undo
from ...surgery._choice import Filter
from ...surgery.remove_symmetry import Removal
from .change import Change, State
from .kinds import entries, for_layers
from .steered import is_steered


class RemovedLayers(Change):
    """Removes symmetries in layers; see :func:`~lightning_symmetry.remove_symmetry`.

    Taking them off folds, so that the model goes on with what the layers computed. Where an activation was
    replaced, which no plain one equals, it undoes, and checkpoints keep the names of the changed model.

    Args:
        config: As there; what it says of offsets is left to the optimizer.
        filter: As there.
    """

    def __init__(self, config: Removal | Mapping[str, Removal | None], filter: Filter | None) -> None:
        self.config = config
        self.filter = filter
        activations = [isinstance(entry, ActivationAsymmetry) for entry in entries(config)]
        self._folds = not any(activations)

    @property
    def is_mixed(self) -> bool:
        """Whether it replaces both activations and weights."""
        layers = [each for each in entries(self.config) if not isinstance(each, Syre)]
        return len({isinstance(each, ActivationAsymmetry) for each in layers}) > 1

    def is_on(self, model: LightningModule) -> bool:
        """Whether a model is changed.

        Args:
            model: The model.

        Returns:
            True or false.
        """
        return is_steered(model)

    @torch.no_grad()
    def check(self, model: LightningModule) -> None:
        """Refuse a plain model that cannot be changed.

        Args:
            model: The model.
        """
        values = {parameter: parameter.detach().clone() for parameter in model.parameters()}
        self.put_on(model)
        undo(model)
        for parameter, value in values.items():
            parameter.copy_(value)

    def put_on(self, model: LightningModule, trainer: Trainer | None = None) -> None:
        """Change a plain model, whose parameters stay the same objects.

        Args:
            model: The model.
            trainer: Any; optimizers need not know.
        """
        remove_symmetry(model, self.config, for_layers(model, self.config, self.filter))

    def take_off(self, model: LightningModule, trainer: Trainer | None = None) -> None:
        """Make a plain model of a changed one.

        Args:
            model: The model.
            trainer: Any; optimizers need not know.
        """
        if self._folds:
            fold(model)
        else:
            undo(model)

    def exact(self, model: LightningModule) -> dict[str, Tensor]:
        """Return what distinguishes a changed model from others that give the same plain one, if one does.

        Args:
            model: The model.
        """
        return super().exact(model) if self._folds else {}

    def plain_weights(self, model: LightningModule, state: State) -> dict[str, Any]:
        """Return the ``state_dict`` of the plain model, if one computes the same, or else of the changed one.

        Args:
            model: The changed model.
            state: Its ``state_dict``.
        """
        return super().plain_weights(model, state) if self._folds else dict(state)
