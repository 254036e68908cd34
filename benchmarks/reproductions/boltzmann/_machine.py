"""A restricted Boltzmann machine as a LightningModule, and a callback that watches its singular values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lightning_symmetry._compat import Callback, LightningModule
from lightning_symmetry.demo.data import digits
from lightning_symmetry.functional import learned_modes, localisation

STD = 0.01
CHAINS = 256


class BoltzmannMachine(LightningModule):
    """Binary units, trained by persistent contrastive divergence.

    Args:
        images: Binary images ``(n, visible)``, whose means the visible biases start from.
        hidden: Hidden units.
        learning_rate: Of plain gradient ascent on the likelihood.
    """

    chains: Tensor

    def __init__(self, images: Tensor, hidden: int, learning_rate: float) -> None:
        super().__init__()
        self.learning_rate = learning_rate
        self.weight = nn.Parameter(STD * torch.randn(images.shape[1], hidden))
        self.visible = nn.Parameter(images.mean(dim=0).clamp(0.01, 0.99).logit())
        self.hidden = nn.Parameter(torch.zeros(hidden))
        self.register_buffer("chains", torch.bernoulli(self.visible.detach().sigmoid().expand(CHAINS, -1)))

    def free_energy(self, images: Tensor) -> Tensor:
        """The energy of images once hidden units are summed over."""
        inputs = self.hidden + images @ self.weight
        return -images @ self.visible - nn.functional.softplus(inputs).sum(dim=1)

    @torch.no_grad()
    def sample(self) -> Tensor:
        """Let the chains take a step."""
        up = torch.bernoulli((self.hidden + self.chains @ self.weight).sigmoid())
        self.chains = torch.bernoulli((self.visible + up @ self.weight.T).sigmoid())
        return self.chains

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        """The difference of free energies whose gradient is that of the likelihood."""
        return self.free_energy(batch).mean() - self.free_energy(self.sample()).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent."""
        return torch.optim.SGD(self.parameters(), lr=self.learning_rate)


class Spectrum(Callback):
    """Measures the singular values of the weights, how many are beyond the noise, and where vectors sit."""

    def __init__(self, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self.steps: list[int] = []
        self.values: list[Tensor] = []
        self.learned: list[float] = []
        self.spread: list[Tensor] = []

    def on_train_batch_start(self, trainer: Any, pl_module: Any, batch: Any, batch_idx: int) -> None:
        if trainer.global_step % self.every_n_steps == 0:
            weight = pl_module.weight.detach()
            self.steps.append(trainer.global_step)
            self.values.append(torch.linalg.svdvals(weight))
            self.learned.append(float(learned_modes(weight)))
            self.spread.append(localisation(weight.mT))


def binary_digits() -> Tensor:
    """Scikit-learn's digits in black and white, without the pixels that are always off."""
    images = (digits().train[:][0] > 0.5).float()
    return images[:, images.mean(dim=0) > 0.01]


def minibatches(images: Tensor, size: int, count: int, seed: int) -> list[Tensor]:
    """Random batches, drawn beforehand."""
    generator = torch.Generator().manual_seed(seed)
    return [images[torch.randint(len(images), (size,), generator=generator)] for _ in range(count)]
