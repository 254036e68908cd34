"""One model of the zoo, ready to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Specimen:
    """A model with random weights, in evaluation mode, and inputs that it accepts."""

    model: nn.Module
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)

    def run(self) -> Any:
        """Return the model's output."""
        with torch.no_grad():
            return self.model(*self.args, **self.kwargs)


@dataclass(frozen=True)
class Library:
    """A source of models.

    Attributes:
        name: What the tables call it.
        kinds: The names of the models, by what kind of models they are.
        build: Makes the specimen of a name.
    """

    name: str
    kinds: dict[str, tuple[str, ...]]
    build: Callable[[str], Specimen]
