"""Networks without symmetries can be averaged without being aligned first."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.merging._matching import matched
from benchmarks.reproductions.outcome import Control, Figure, Outcome
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import (
    ActivationAsymmetry,
    RemoveSymmetry,
    Syre,
    WeightAsymmetry,
    find_symmetries,
    remove_symmetry,
)
from lightning_symmetry._compat import LightningModule
from lightning_symmetry.demo.data import batches, digits

WIDTH = 256
STEPS = 800
FIXED = {
    "model.0.weight": WeightAsymmetry(fixed=32, scale=1.0),
    "model.2.weight": WeightAsymmetry(fixed=128, scale=1.0),
    "model.4.weight": WeightAsymmetry(fixed=128, scale=0.25),
}
KINDS = ("plain", "plain, permuted", "fixed weights", "asymmetric activation", "syre 0.1", "syre 3")


class Classifier(LightningModule):
    """A ReLU network 64-256-256-10, some of whose symmetries may be taken away."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10)
        )
        if kind == "fixed weights":
            remove_symmetry(self, FIXED)
        elif kind == "asymmetric activation":
            remove_symmetry(self, ActivationAsymmetry())

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy."""
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """AdamW as in the source."""
        return torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=0.03)


def measure(size: Size) -> Outcome:
    """Train pairs of networks and walk from one to the other in a straight line."""
    barriers: dict[str, list[float]] = {kind: [] for kind in KINDS}
    accuracies: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        for seed in range(size.seeds):
            barrier, accuracy = between(kind, seed, STEPS)
            barriers[kind].append(barrier)
            accuracies[kind].append(accuracy)
    less = {
        kind: estimate([b / a for a, b in zip(barriers["plain"], barriers[kind], strict=True)])
        for kind in KINDS[1:]
    }
    figures = [
        Figure(
            f"barrier as a multiple of the plain one: {kind}",
            less[kind],
            f"{published}, by the whole interval",
            less[kind].high < limit,
        )
        for kind, published, limit in (
            ("plain, permuted", "permutations account for most of it (arXiv 2209.04836); less than 0.5", 0.5),
            ("fixed weights", "no barrier without alignment; less than 0.25", 0.25),
            ("asymmetric activation", "lower; less than 1", 1.0),
        )
    ]
    controls = [Control(f"barrier in nats: {kind}", estimate(barriers[kind])) for kind in KINDS]
    controls += [Control(f"test accuracy: {kind}", estimate(accuracies[kind])) for kind in KINDS]
    return Outcome(
        figures,
        controls,
        remarks="The barrier is the largest test loss on the line between two networks of different seeds, "
        "less that of the line between their losses. Both share their frozen masks, values and offsets. "
        "Syre is not made for merging: its offset is small beside the weights (0.1 initial standard "
        "deviations), or of their size (3).",
    )


def between(kind: str, seed: int, steps: int) -> tuple[float, float]:
    """Train two networks and measure the barrier between them.

    Args:
        kind: One of :data:`KINDS`.
        seed: Of both, which differ in it.
        steps: Optimizer steps of each.

    Returns:
        The barrier in test loss, and the mean test accuracy.
    """
    images, labels = digits().test[:]
    modules = [trained(kind.removesuffix(", permuted"), own, steps) for own in (2 * seed, 2 * seed + 1)]
    first, second = ({n: p.detach() for n, p in module.model.named_parameters()} for module in modules)
    model = modules[0].model
    if kind == "plain, permuted":
        second = matched(first, second, find_symmetries(model, images[:1]))

    def loss(share: float) -> float:
        mixed = {name: torch.lerp(first[name], second[name], share) for name in first}
        return float(nn.functional.cross_entropy(_outputs(model, mixed, images), labels))

    ends = loss(0.0), loss(1.0)
    shares = [k / 10 for k in range(11)]
    barrier = max(loss(share) - (1 - share) * ends[0] - share * ends[1] for share in shares)
    accuracy = estimate(
        [float((_outputs(model, p, images).argmax(dim=1) == labels).double().mean()) for p in (first, second)]
    )
    return barrier, accuracy.mean


@cache
def trained(kind: str, seed: int, steps: int) -> Classifier:
    """Train one network, once for all that it is compared with.

    Args:
        kind: One of :data:`KINDS` that says how to train.
        seed: Of weights and batches.
        steps: Optimizer steps.

    Returns:
        The network.
    """
    callbacks = [RemoveSymmetry(Syre(std=float(kind.split()[1])))] if kind.startswith("syre") else []
    loader = batches(digits().train, 64, seed)
    module, _ = train(lambda: Classifier(kind), loader, steps, callbacks, seed)
    assert isinstance(module, Classifier)
    return module


@torch.no_grad()
def _outputs(model: nn.Module, params: Mapping[str, Tensor], images: Tensor) -> Tensor:
    outputs: Tensor = torch.func.functional_call(model, dict(params), (images,))
    return outputs


REPRODUCTION = Reproduction(
    claim="Independently trained networks can be averaged if their weights are asymmetric.",
    source="Lim, Putterman, Walters, Maron, Jegelka, arXiv 2405.20231; Ainsworth et al., arXiv 2209.04836",
    measure=measure,
)
