"""Plain noise in the place of a frozen offset: once, or at every step."""

from __future__ import annotations

from typing import Any

import torch

from lightning_symmetry import Syre
from lightning_symmetry._compat import Callback, LightningModule, Trainer
from lightning_symmetry.surgery import initial_std, syre_offset


class NoiseAtStart(Callback):
    """Adds to the weights, once, the numbers that would have been the offset.

    Args:
        config: Size and seed.
    """

    def __init__(self, config: Syre) -> None:
        self.config = config

    @torch.no_grad()
    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add the noise.

        Args:
            trainer: The Trainer.
            pl_module: The model.
        """
        for name, parameter in pl_module.named_parameters():
            parameter.add_(syre_offset(pl_module, name, self.config))


class NoiseAtEveryStep(Callback):
    r"""Adds fresh noise to the weights after each step.

    A step adds :math:`\sigma_0 \sqrt{1 - k^2}`, where :math:`k = 1 - \eta\lambda / (1 - \mu)` is what
    decay :math:`\lambda` leaves at rate :math:`\eta` and momentum :math:`\mu`. So the noise that weights
    carry, between what comes in and what decays, has the size of the offset, :math:`\sigma_0`: up to 3 % for
    a decay of 0.01 and less at a rate of 0.05, a fifth more for 0.1 and twice as much for 1.

    Args:
        config: Size and seed of the offset.
    """

    def __init__(self, config: Syre) -> None:
        self.config = config
        self.generator = torch.Generator().manual_seed(config.seed)

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *batch: Any) -> None:
        """Add the noise.

        Args:
            trainer: The Trainer.
            pl_module: The model.
            batch: The outputs, the batch and its index.
        """
        (group,) = trainer.optimizers[0].param_groups
        kept = 1 - group["lr"] * group["weight_decay"] / (1 - group["momentum"])
        size = self.config.sized(trainer.optimizers[0]).std
        for name, parameter in pl_module.named_parameters():
            unit = initial_std(pl_module, name) if self.config.units == "init" else 1.0
            std = size * unit * (1 - kept**2) ** 0.5
            parameter.add_(torch.randn(parameter.shape, generator=self.generator), alpha=std)
