"""A training so small that its steps take no longer than what the Trainer does around them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import lightning.pytorch
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

UNITS, INPUTS, CLASSES, SAMPLES = 6, 4, 3, 8


class SmallBatches:
    """Batches of a fixed task; a resumed run goes on in the middle of an epoch.

    Args:
        count: How many an epoch has.
    """

    def __init__(self, count: int) -> None:
        self.count, self.position = count, 0
        inputs = torch.randn(64, SAMPLES, INPUTS, generator=torch.Generator().manual_seed(1))
        self._batches = [(batch, batch[:, :CLASSES].argmax(1)) for batch in inputs]

    def __len__(self) -> int:
        """Return the number of batches of an epoch."""
        return self.count

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Go on where the last iteration was left."""
        while self.position < self.count:
            self.position += 1
            yield self._batches[(self.position - 1) % len(self._batches)]
        self.position = 0

    def state_dict(self) -> dict[str, int]:
        """Return the place in the epoch."""
        return {"position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on from another place.

        Args:
            state: What :meth:`state_dict` returned.
        """
        self.position = state["position"]


STAIRS = tuple(f"stair_{number}" for number in range(10))
"""Numbers that jump from level to level, so that stages pass."""


class SmallClassifier(lightning.pytorch.LightningModule):
    """A network of one hidden layer with dropout, whose step also returns numbers that jump.

    Args:
        stair_steps: Optimizer steps from jump to jump.
    """

    def __init__(self, stair_steps: int) -> None:
        super().__init__()
        self.stair_steps = stair_steps
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.model = nn.Sequential(
                nn.Linear(INPUTS, UNITS), nn.ReLU(), nn.Dropout(0.1), nn.Linear(UNITS, CLASSES)
            )

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor | float]:
        """Return the loss and the stairs.

        Args:
            batch: Inputs and classes.
            batch_idx: Any.
        """
        inputs, classes = batch
        level = float(self.global_step // self.stair_steps % 3)
        return {
            "loss": nn.functional.cross_entropy(self.model(inputs), classes),
            **dict.fromkeys(STAIRS, level),
        }

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return SGD with momentum and a decay that is felt."""
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-3)


def small_trainer(callbacks: Sequence[Callback], steps: int, **options: Any) -> lightning.pytorch.Trainer:
    """Return a Trainer that does no more than it must.

    Args:
        callbacks: Any.
        steps: Optimizer steps.
        **options: Of the Trainer.
    """
    plain: dict[str, Any] = {
        "accelerator": "cpu",
        "devices": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
    }
    return lightning.pytorch.Trainer(**{**plain, "callbacks": list(callbacks), "max_steps": steps, **options})
