"""The smallest network that learns features, as a LightningModule."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lightning_symmetry._compat import LightningModule
from lightning_symmetry.functional import TwoLayerFlow


class TwoLayers(LightningModule):
    """f(x) = Σ u_i w_i x in float64, trained by gradient descent at two learning rates.

    Args:
        width: Hidden units.
        std: Standard deviation of the initial weights.
        rates: Learning rates of the first and the second layer, relative to each other.
        step: Learning rate that a relative rate of 1 stands for.
    """

    def __init__(self, width: int, std: float, rates: tuple[float, float], step: float) -> None:
        super().__init__()
        self.first = nn.Linear(1, width, bias=False, dtype=torch.float64)
        self.second = nn.Linear(width, 1, bias=False, dtype=torch.float64)
        self.rates = rates
        self.step = step
        for layer in (self.first, self.second):
            nn.init.normal_(layer.weight, std=std)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Half the mean squared error."""
        x, y = batch
        self.log("product", (self.second.weight @ self.first.weight).squeeze().detach())
        return (self.second(self.first(x)) - y).square().mean() / 2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Plain gradient descent, a group for each layer."""
        layers = zip((self.first, self.second), self.rates, strict=True)
        return torch.optim.SGD([{"params": [m.weight], "lr": self.step * rate} for m, rate in layers], 1.0)

    def layers(self) -> tuple[Tensor, Tensor]:
        """Copies of both layers, a unit a row."""
        return self.first.weight.detach().clone(), self.second.weight.detach().mT.clone()


def data() -> tuple[Tensor, Tensor]:
    """Inputs of second moment 1 and targets of correlation 2 with them."""
    x = torch.linspace(-1, 1, 8, dtype=torch.float64).unsqueeze(-1)
    x = x / x.square().mean().sqrt()
    return x, 2 * x


def flow(layers: tuple[Tensor, Tensor], rates: tuple[float, float]) -> TwoLayerFlow:
    """The closed form of the trajectory that begins at these layers."""
    first, second = (layer.squeeze(-1) for layer in layers)
    return TwoLayerFlow(first, second, *rates, second_moment=1.0, correlation=2.0)
