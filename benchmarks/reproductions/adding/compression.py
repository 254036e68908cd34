"""Gates on neurons compress a network while it trains."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from benchmarks.reproductions.estimate import estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel
from benchmarks.reproductions.reproduction import Reproduction, Size
from benchmarks.reproductions.training import train
from lightning_symmetry import AddSymmetry, GroupGate, fold, prune
from lightning_symmetry._compat import Callback, LightningModule
from lightning_symmetry.demo.data import batches, digits

WIDTH = 128
DECAYS = (1e-3, 3e-3, 6e-3)
STEPS = 2000


class Classifier(LightningModule):
    """A ReLU network 64-128-10 whose hidden layer has no biases: a neuron without weights is gone."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.decay = decay
        self.model = nn.Sequential(nn.Linear(64, WIDTH, bias=False), nn.ReLU(), nn.Linear(WIDTH, 10))

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        """The cross-entropy."""
        return nn.functional.cross_entropy(self.model(batch[0]), batch[1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """SGD with momentum and weight decay."""
        return torch.optim.SGD(self.parameters(), lr=0.1, momentum=0.9, weight_decay=self.decay)


def measure(size: Size) -> Outcome:
    """Train with gates and without, cut what is small, and compare at equal sizes."""
    sizes: dict[float, list[float]] = {}
    gated: dict[float, list[float]] = {}
    cut: dict[float, list[float]] = {}
    changes: list[float] = []
    for decay in DECAYS:
        for seed in range(size.seeds):
            kept, accuracy, change = compressed(decay, seed)
            sizes.setdefault(decay, []).append(kept)
            gated.setdefault(decay, []).append(accuracy)
            cut.setdefault(decay, []).append(cut_by_size(decay, seed, int(kept)))
            changes.append(change)
    lost = estimate([max(gated[DECAYS[0]]) - value for value in gated[DECAYS[1]]])
    lead = estimate([a - b for a, b in zip(gated[DECAYS[-1]], cut[DECAYS[-1]], strict=True)])
    return Outcome(
        figures=[
            Figure(
                f"neurons left of {WIDTH} at a weight decay of {DECAYS[1]:g}",
                estimate(sizes[DECAYS[1]]),
                "gates remove neurons in training; fewer than a half",
                max(sizes[DECAYS[1]]) < WIDTH / 2,
            ),
            Figure("accuracy lost there", lost, "at most 0.02", lost.mean <= 0.02),
            Figure(
                "largest change of a logit by cutting neurons below 1e-3 and folding",
                estimate(changes),
                "they are gone already; at most 1e-2",
                max(changes) <= 1e-2,
            ),
            Figure(
                f"accuracy less that of as many neurons, the largest of plain decay, at {DECAYS[-1]:g}",
                lead,
                "at least as good; not less than -0.01",
                lead.mean >= -0.01,
            ),
        ],
        controls=[
            *(Control(f"neurons left at {decay:g}", estimate(sizes[decay])) for decay in DECAYS),
            *(Control(f"accuracy at {decay:g}", estimate(gated[decay])) for decay in DECAYS),
            *(
                Control(f"accuracy of plain decay cut to as many, at {decay:g}", estimate(cut[decay]))
                for decay in DECAYS
            ),
        ],
        panels=[
            Panel(
                "compression",
                "neurons left",
                "test accuracy",
                [
                    Line(
                        name,
                        [estimate(sizes[d]).mean for d in DECAYS],
                        [estimate(found[d]).mean for d in DECAYS],
                        True,
                    )
                    for name, found in (("gates", gated), ("plain, largest neurons", cut))
                ],
            )
        ],
        remarks=f"ReLU network 64-{WIDTH}-10 on digits, SGD; `GroupGate` on the rows of the first layer.",
    )


def compressed(decay: float, seed: int) -> tuple[float, float, float]:
    """Train with a gate for every neuron.

    Args:
        decay: Weight decay.
        seed: Of weights and batches.

    Returns:
        Neurons left, test accuracy of the plain network, and the largest change of a logit by cutting.
    """
    images, labels = digits().test[:]
    module = _trained(decay, seed, [AddSymmetry({"model.0.weight": GroupGate(dim=0)})])
    before = module.model(images).detach()
    after = fold(prune(module, 1e-3)).model(images).detach()
    kept = float((module.model[0].weight.norm(dim=1) > 0).sum())
    return kept, _accuracy(after, labels), float((after - before).abs().max())


def cut_by_size(decay: float, seed: int, kept: int) -> float:
    """Train plainly and keep the largest neurons.

    Args:
        decay: Weight decay.
        seed: Of weights and batches.
        kept: How many to keep.

    Returns:
        Test accuracy.
    """
    images, labels = digits().test[:]
    module = _trained(decay, seed, [])
    first, last = module.model[0].weight.detach(), module.model[2].weight.detach()
    smallest = (first.norm(dim=1) * last.norm(dim=0)).argsort()[: WIDTH - kept]
    with torch.no_grad():
        module.model[0].weight[smallest] = 0
    return _accuracy(module.model(images).detach(), labels)


def _trained(decay: float, seed: int, callbacks: list[Callback]) -> Classifier:
    loader = batches(digits().train, 64, seed)
    module, _ = train(lambda: Classifier(decay), loader, STEPS, callbacks, seed)
    assert isinstance(module, Classifier)
    return module


def _accuracy(logits: Tensor, labels: Tensor) -> float:
    return float((logits.argmax(dim=1) == labels).double().mean())


REPRODUCTION = Reproduction(
    claim="Gates with weight decay remove neurons while a network trains, and cutting them changes nothing.",
    source="D-Gating; Ziyin, Xu, Poggio, Chuang, arXiv 2502.05300, Sec. 6",
    measure=measure,
)
