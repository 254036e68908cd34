"""What the demo trains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    r"""Size of the demo; the defaults take about a minute on two cores.

    Attributes:
        seeds: Seeds of the initial weights, the order of the images and the offset; one run of each variant
            for each.
        epochs: Passes over the training images.
        batch_size: Images in a batch.
        learning_rate: Learning rate of SGD with momentum 0.9.
        penalty: Strength :math:`\gamma` of the penalty :math:`\gamma \|\theta\|^2`.
        offset: Standard deviation of the frozen offset.
    """

    seeds: tuple[int, ...] = (0, 1, 2)
    epochs: int = 150
    batch_size: int = 128
    learning_rate: float = 0.1
    penalty: float = 3e-3
    offset: float = 0.1


@dataclass(frozen=True)
class Variant:
    """One of the three ways to train.

    Attributes:
        name: Its name in tables, plots and files.
        description: What it is, in a few words.
        decays: Whether the penalty acts.
        removes_symmetry: Whether ``RemoveSymmetry`` is among the callbacks.
    """

    name: str
    description: str
    decays: bool
    removes_symmetry: bool


VARIANTS = (
    Variant("plain", "no weight decay", decays=False, removes_symmetry=False),
    Variant("decay", "weight decay", decays=True, removes_symmetry=False),
    Variant("syre", "the same weight decay, and RemoveSymmetry", decays=True, removes_symmetry=True),
)
