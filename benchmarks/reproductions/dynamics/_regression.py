"""Noiseless regression with a small network: what the theory of symmetry breaking is about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lightning_symmetry._compat import Callback, LightningModule


class Regression(LightningModule):
    """Half the mean squared error, by plain full-batch gradient descent.

    Args:
        model: The network.
        learning_rate: Its learning rate.
        std: Standard deviation to which every weight matrix is scaled; as torch initialises it if None.
    """

    def __init__(self, model: nn.Module, learning_rate: float, std: float | None = None) -> None:
        super().__init__()
        self.model = model
        self.learning_rate = learning_rate
        if std is not None:
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    nn.init.normal_(parameter, std=std)
                else:
                    nn.init.zeros_(parameter)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Compute the loss."""
        x, y = batch
        loss = (self.model(x) - y).square().sum(dim=-1).mean() / 2
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


class Watch(Callback):
    """Calls a function of the model before every step and keeps what it returns.

    Args:
        look: The function.
        every_n_steps: Steps between two calls.
    """

    def __init__(self, look: Callable[[Any], Tensor], every_n_steps: int = 1) -> None:
        self._look = look
        self._every_n_steps = every_n_steps
        self.steps: list[int] = []
        self.values: list[Tensor] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step % self._every_n_steps == 0:
            self.steps.append(trainer.global_step)
            self.values.append(self._look(pl_module).detach().clone())


def linear_task(strengths: Tensor, inputs: int, count: int = 64) -> tuple[Tensor, Tensor]:
    """White inputs, and targets that a linear map of given singular values makes of them.

    Args:
        strengths: The singular values; targets have as many coordinates.
        inputs: Coordinates of the inputs.
        count: Number of samples.

    Returns:
        Inputs ``(count, inputs)`` whose second moments are the identity, and targets.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.linalg.qr(torch.randn(count, inputs, generator=generator, dtype=torch.float64))[0]
    x = (x * count**0.5).to(strengths.dtype)
    return x, x[:, : len(strengths)] * strengths
