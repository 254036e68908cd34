"""A change of a model that can be made and taken back while it trains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..._compat import LightningModule, Trainer
from ...surgery import plain_state_dict

State = Mapping[str, Any]


class Change(ABC):
    """What steering does to a model, apart from when it does so."""

    @abstractmethod
    def is_on(self, model: LightningModule) -> bool:
        """Whether a model is changed at present.

        Args:
            model: The model.
        """

    @abstractmethod
    def check(self, model: LightningModule) -> None:
        """Refuse a plain model that cannot be changed and taken back while it trains.

        Args:
            model: The model.
        """

    @abstractmethod
    def put_on(self, model: LightningModule, trainer: Trainer | None = None) -> None:
        """Change a plain model.

        Args:
            model: The model.
            trainer: The Trainer once it has optimizers, which go on with the changed model.
        """

    @abstractmethod
    def take_off(self, model: LightningModule, trainer: Trainer | None = None) -> None:
        """Make a plain model of a changed one.

        Args:
            model: The model.
            trainer: The Trainer once it has optimizers, which go on with the plain model.
        """

    def exact(self, model: LightningModule) -> dict[str, Tensor]:
        """Return what distinguishes a changed model from others that give the same plain one.

        Args:
            model: The model.

        Returns:
            Tensors of its ``state_dict`` that the plain one has not.
        """
        state = model.state_dict()
        plain = plain_state_dict(model, state)
        own = {key: value for key, value in state.items() if plain.get(key) is not value}
        return {key: value for key, value in own.items() if not key.endswith("_extra_state")}

    def plain_weights(self, model: LightningModule, state: State) -> dict[str, Any]:
        """Return the ``state_dict`` of the plain model.

        Args:
            model: The changed model.
            state: Its ``state_dict``, or that of an average.
        """
        return plain_state_dict(model, state)

    def plain_optimizers(
        self, trainer: Trainer, model: LightningModule, states: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """Return states for the optimizers of the plain model.

        Args:
            trainer: The Trainer.
            model: The changed model.
            states: Those of the Trainer's optimizers.

        Returns:
            The same list if they have the same parameters.
        """
        return states
