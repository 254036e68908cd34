"""From a symmetric state, training is that of a smaller network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import find_symmetries
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches, digits
from lightning_symmetry.metrics import OrderParameters

SMALL, COPIES = 16, 4
STEPS = 300


class Classifier(LightningModule):
    """A ReLU network in float64 whose units are copies of those of a smaller one.

    Args:
        copies: Number of copies of each of 16 units; each reads and writes a share, so that the network
            computes what the smaller one does.
    """

    def __init__(self, copies: int) -> None:
        super().__init__()
        small = nn.Sequential(nn.Linear(64, SMALL), nn.ReLU(), nn.Linear(SMALL, 10)).double()
        self.model = nn.Sequential(
            nn.Linear(64, SMALL * copies), nn.ReLU(), nn.Linear(SMALL * copies, 10)
        ).double()
        share = copies**-0.5
        with torch.no_grad():
            self.model[0].weight.copy_(share * small[0].weight.repeat(copies, 1))
            self.model[0].bias.copy_(share * small[0].bias.repeat(copies))
            self.model[2].weight.copy_(share * small[2].weight.repeat(1, copies))
            self.model[2].bias.copy_(small[2].bias)

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy."""
        loss = nn.functional.cross_entropy(self.model(batch[0].double()), batch[1])
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum and weight decay."""
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)


def measure(size: Size) -> Outcome:
    """Train both on the same batches and compare their functions."""
    images = digits().test[:][0].double()
    differences: list[float] = []
    distinct: list[float] = []
    for seed in range(size.seeds):
        runs = [
            train(
                lambda copies=copies: Classifier(copies), batches(digits().train, 64, seed), STEPS, seed=seed
            )  # type: ignore[misc]
            for copies in (1, COPIES)
        ]
        (small, small_curves), (wide, wide_curves) = runs
        difference = small.model(images) - wide.model(images)
        differences.append(float(difference.detach().abs().max()))
        order = OrderParameters(find_symmetries(wide.model, images[:1]))(
            {name: parameter.detach() for name, parameter in wide.model.named_parameters()}
        )
        distinct.append(float(order["symmetry/distinct_units"]))
    lines = [
        Line(f"{SMALL} units", small_curves["loss"].steps, small_curves["loss"].values),
        Line(
            f"{COPIES} copies of each",
            wide_curves["loss"].steps[::10],
            wide_curves["loss"].values[::10],
            marks=True,
        ),
    ]
    return Outcome(
        figures=[
            Figure(
                "largest difference of an output on test images after training",
                estimate(differences),
                "identical; at most 1e-8 in every run",
                max(differences) <= 1e-8,
            ),
            Figure(
                f"distinct units of {SMALL * COPIES} after training",
                estimate(distinct),
                f"the symmetry does not break by itself; {SMALL} at most",
                max(distinct) <= SMALL + 1e-6,
            ),
        ],
        controls=[Control("optimizer steps", estimate([float(STEPS)]))],
        panels=[Panel("training", "step", "loss", lines)],
        remarks="Both see the same batches, in float64.",
    )


REPRODUCTION = Reproduction(
    claim="A network that starts from a symmetric state trains as an equivalent smaller one does.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4",
    measure=measure,
)
