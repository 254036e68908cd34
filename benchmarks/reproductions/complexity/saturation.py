"""With weight decay the number of distinct neurons stops growing with width."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import SymmetryMonitor
from lightning_symmetry._compat import LightningModule

WIDTHS = (8, 64, 512, 2048)
DECAYS = (0.0, 1e-2)
STEPS = 2000
UNITS, INPUTS = 4, 6


class Student(LightningModule):
    """Learns what a small ReLU network computes."""

    def __init__(self, width: int, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.model = nn.Sequential(nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, 1))
        with torch.no_grad():
            for parameter in self.model[0].parameters():
                parameter *= (WIDTHS[0] / width) ** 0.5

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Half the mean squared error."""
        loss = (self.model(batch[0]) - batch[1]).square().mean() / 2
        self.log("loss", loss)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum."""
        return torch.optim.SGD(self.parameters(), lr=0.05, momentum=0.9, weight_decay=self.decay)


def task() -> tuple[Tensor, Tensor]:
    """Random inputs and what a ReLU network with four units makes of them."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(256, INPUTS, generator=generator)
    reading = torch.linalg.qr(torch.randn(INPUTS, UNITS, generator=generator))[0]
    return x, (x @ reading).relu() @ torch.tensor([[1.0], [-1.0], [1.0], [-1.0]])


def measure(size: Size) -> Outcome:
    """Train over widths with weight decay and without."""
    found: dict[tuple[float, int], list[float]] = {}
    losses: dict[float, list[float]] = {decay: [] for decay in DECAYS}
    for decay in DECAYS:
        for width in WIDTHS:
            for seed in size.held_out:
                distinct, loss = trained(width, decay, seed)
                found.setdefault((decay, width), []).append(distinct)
                losses[decay].append(loss)
    wide, wider = WIDTHS[-2:]
    growth = {
        decay: estimate([b / a for a, b in zip(found[decay, wide], found[decay, wider], strict=True)])
        for decay in DECAYS
    }
    lines = [
        Line(f"weight decay {decay:g}", WIDTHS, [estimate(found[decay, width]).mean for width in WIDTHS])
        for decay in DECAYS
    ]
    return Outcome(
        figures=[
            Figure(
                f"growth of the number of distinct units from width {wide} to {wider} with weight decay",
                growth[DECAYS[1]],
                "saturates; at most 1.5",
                growth[DECAYS[1]].high <= 1.5,
            ),
            Figure(
                f"distinct units of {wider} with weight decay",
                estimate(found[DECAYS[1], wider]),
                "a tenth at most",
                max(found[DECAYS[1], wider]) <= 0.1 * wider,
            ),
        ],
        controls=[
            Control(f"the same growth without weight decay ({wider / wide:g} times the width)", growth[0.0]),
            *(
                Control(f"final loss at decay {decay:g}", estimate(values))
                for decay, values in losses.items()
            ),
        ],
        panels=[Panel("complexity of what is learned", "width", "distinct units", lines, log="xy")],
        remarks=f"The target is a ReLU network with {UNITS} units; SGD, {STEPS} steps. Dead units are none. "
        f"Weights of the first layer begin smaller by √({WIDTHS[0]} / width), so that one learning rate does "
        "for all widths. A first pass had torch's weights and a decay of 0.003: at width 2048 it diverged, "
        "and 49 of 512 units were distinct after as many steps.",
    )


def trained(width: int, decay: float, seed: int) -> tuple[float, float]:
    """Train one student.

    Args:
        width: Its hidden units.
        decay: Weight decay.
        seed: Of its weights.

    Returns:
        Its distinct units as the monitor counts them, and its loss.
    """
    monitor = SymmetryMonitor(every_n_steps=STEPS - 1, max_overhead=None, exact=True, strict=True)
    _, curves = train(
        lambda: Student(width, decay), [task()], STEPS, [monitor], seed, log_every_n_steps=STEPS
    )
    return curves["symmetry/distinct_units"].last, curves["loss"].last


REPRODUCTION = Reproduction(
    claim="With regularisation the number of distinct neurons saturates as the width grows.",
    source="Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 4",
    measure=measure,
)
