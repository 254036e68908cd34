"""The demo's network under weight decay: does it collapse, and does a collapsed one come back?"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from benchmarks.reproductions.controls.fit import fit
from benchmarks.reproductions.controls.ways import NO_DECAY, SYRE, callbacks
from lightning_symmetry import Syre, find_symmetries
from lightning_symmetry.demo.data import Digits, batches
from lightning_symmetry.demo.module import DigitClassifier
from lightning_symmetry.demo.settings import Settings
from lightning_symmetry.functional import effective_rank
from lightning_symmetry.metrics import OrderParameters
from lightning_symmetry.surgery import syre_offset

SETTINGS = Settings()
LAYER = "model.2"

State = Mapping[str, Tensor]


def trained(
    way: str, data: Digits, seed: int, epochs: int, penalty: float, start: State | None = None
) -> DigitClassifier:
    """Train the demo's network as the demo does.

    Args:
        way: What is done beside weight decay.
        data: The digits.
        seed: Of the weights, the order of the images and the way.
        epochs: Passes over the images.
        penalty: Half of the weight decay.
        start: Weights to begin with; fresh ones if None.

    Returns:
        The network.
    """

    def make() -> DigitClassifier:
        module = DigitClassifier(0.0 if way == NO_DECAY else penalty, SETTINGS.learning_rate)
        if start is not None:
            module.load_state_dict(start)
        return module

    loader = batches(data.train, SETTINGS.batch_size, seed)
    steps = epochs * len(loader)
    return fit(make, loader, steps, callbacks(way, offset(seed), steps), seed)


def offset(seed: int) -> Syre:
    """Return the demo's configuration."""
    return Syre(std=SETTINGS.offset, units="absolute", seed=seed)


@torch.no_grad()
def figures(module: DigitClassifier, way: str, data: Digits, seed: int) -> dict[str, float]:
    """Measure a network.

    Args:
        module: The network.
        way: How it was trained.
        data: The digits.
        seed: Of the offset.

    Returns:
        Figures by name.
    """
    images, labels = data.test.tensors
    symmetries = find_symmetries(module, images, loss=lambda logits: cross_entropy(logits, labels))
    found = OrderParameters(symmetries)(dict(module.named_parameters()))
    weight = module.get_parameter(f"{LAYER}.weight")
    learned = weight - syre_offset(module, f"{LAYER}.weight", offset(seed)) if way == SYRE else weight
    return {
        "dead units": float(found["symmetry/dead_units"]),
        "distinct units": float(found["symmetry/distinct_units"]),
        "rank of the layer": float(effective_rank(weight)),
        "without the offset": float(effective_rank(learned)),
        "rank of its features": float(effective_rank(module.model[:4](images))),
        "test accuracy, %": 100 * float((module(images).argmax(dim=1) == labels).double().mean()),
    }
