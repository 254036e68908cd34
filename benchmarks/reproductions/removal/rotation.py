"""Rotations: an offset leaves those about its own directions, a decay that differs by entry leaves none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Figure, Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import RemoveSymmetry, Syre, find_symmetries
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.surgery import syre_metric, syre_offset

INPUTS, WIDTH, OUTPUTS = 2, 6, 1
STD, SPREAD = 0.1, 0.03
STAYS, LEAVES = 1e-12, 1e-6
"""Bounds on the share of the weights outside of the symmetric state: rounding, and clearly more."""


class Linear(LightningModule):
    """Two linear layers, between which any change of basis does nothing, in float64.

    Args:
        config: Whose offset the weights are multiples of at the start, so that they read and write no
            direction of the hidden space that the offset does not.
    """

    def __init__(self, config: Syre) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(INPUTS, WIDTH, bias=False), nn.Linear(WIDTH, OUTPUTS, bias=False)
        )
        self.double()
        with torch.no_grad():
            for name, weight in self.named_parameters():
                weight.copy_(syre_offset(self, name, config) * 10)

    def forward(self, x: Tensor) -> Tensor:
        """Predict."""
        y: Tensor = self.model(x)
        return y

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """Compute the mean squared error."""
        return (self.model(batch[0]) - batch[1]).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Return gradient descent with weight decay."""
        return torch.optim.SGD(self.parameters(), lr=0.1, weight_decay=0.01)


def outside(module: Linear, config: Syre) -> float:
    """Return the share of the hidden vectors' length outside of the span of the offset's.

    Args:
        module: The network.
        config: Of the offset.

    Returns:
        0 in the symmetric state of every reflection that the offset leaves.
    """
    first, second = "model.0.weight", "model.1.weight"
    weights = torch.cat(
        [module.get_parameter(first).detach(), module.get_parameter(second).detach().mT], dim=1
    )
    offset = torch.cat([syre_offset(module, first, config), syre_offset(module, second, config).mT], dim=1)
    basis, _ = torch.linalg.qr(offset)
    return float((weights - basis @ (basis.mT @ weights)).norm() / weights.norm())


def unbroken(config: Syre | None) -> int:
    """Count the dimensions of the change of basis that the penalty does not feel, wherever the weights are.

    Args:
        config: What weight decay pulls towards and how; None for zero.

    Returns:
        The dimension of the group that the regularised loss is left with.
    """
    module = Linear(config or Syre())
    names = dict(module.named_parameters())
    symmetries = find_symmetries(module, torch.zeros(1, INPUTS, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    slopes = []
    for _ in range(WIDTH**2 + 4):
        drawn = {
            name: torch.randn(p.shape, generator=generator, dtype=torch.float64) for name, p in names.items()
        }
        pull = [_pull(module, name, weight, config).flatten() for name, weight in drawn.items()]
        slopes.append(symmetries.generators(drawn) @ torch.cat(pull))
    singular = torch.linalg.svdvals(torch.stack(slopes))
    return WIDTH**2 - int((singular > 1e-9 * singular[0]).sum())


def _pull(module: Linear, name: str, weight: Tensor, config: Syre | None) -> Tensor:
    """Half the gradient of the penalty."""
    if config is None:
        return weight
    return (1 + syre_metric(module, name, config)) * (weight - syre_offset(module, name, config))


def measure(size: Size) -> Outcome:
    """Count what is left of the symmetry, and train from a state that a reflection leaves alone."""
    figures = []
    known = WIDTH * (WIDTH - 1) // 2, (WIDTH - INPUTS - OUTPUTS) * (WIDTH - INPUTS - OUTPUTS - 1) // 2, 0
    for (name, make), law in zip(_ways().items(), known, strict=True):
        counts = [float(unbroken(make(seed))) for seed in size.held_out]
        figures.append(
            Figure(
                f"dimensions of rotations left, {name}",
                estimate(counts),
                f"{law}, in every run",
                set(counts) == {float(law)},
            )
        )
    for name, make in _ways().items():
        shares = [left(make(seed), seed) for seed in size.held_out]
        leaves = name.startswith("advanced")
        rule = f"leaves it: above {LEAVES:g}" if leaves else f"stays: below {STAYS:g}"
        holds = min(shares) > LEAVES if leaves else max(shares) < STAYS
        figures.append(
            Figure(
                f"distance from a symmetric state, {name}", estimate(shares), f"{rule} in every run", holds
            )
        )
    return Outcome(figures, remarks=REMARKS)


def left(config: Syre | None, seed: int, steps: int = 500) -> float:
    """Train from the symmetric state and return how far it was left.

    Args:
        config: Of the removal; None for weight decay alone.
        seed: Of the data.
        steps: Of training.

    Returns:
        What :func:`outside` measures, at the end.
    """
    start = config or Syre(STD, seed=seed)
    generator = torch.Generator().manual_seed(seed)
    x, target = (torch.randn(n, INPUTS, generator=generator, dtype=torch.float64) for n in (64, OUTPUTS))
    callbacks: Sequence[RemoveSymmetry] = [] if config is None else [RemoveSymmetry(config)]
    module, _ = train(partial(Linear, start), [(x, x @ target.mT)], steps, callbacks, seed)
    return outside(module, start)


def _ways() -> dict[str, Callable[[int], Syre | None]]:
    return {
        "weight decay alone": lambda seed: None,
        "basic syre": lambda seed: Syre(STD, seed=seed),
        "advanced syre": lambda seed: Syre(STD, seed=seed, spread=SPREAD),
    }


REMARKS = f"""\
A linear network {INPUTS}-{WIDTH}-{OUTPUTS}: its hidden space, with a change of basis GL({WIDTH}), is wider
than all that is written to it and read from it, and weight decay leaves O({WIDTH}) of the group. The
dimensions are counted exactly, from the derivative of the penalty along every generator that discovery
finds. Training begins in a state that the reflections which basic syre leaves do not move. No rank is
gained by leaving it: in a space this wide the offset alone already has full rank."""

REPRODUCTION = Reproduction(
    claim="The offset leaves rotations of a wide space; decay with distinct entries removes them, too.",
    source="Ziyin, Xu, Chuang, arXiv 2408.15495, advanced removal",
    measure=measure,
)
