"""One look at sharded weights: weights, gradients and charges, as SymmetryMonitor has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from benchmarks.cost.models import Decoder
from lightning_symmetry import Symmetries, find_symmetries
from lightning_symmetry.metrics import ChargeDrift, OrderParameters
from lightning_symmetry.metrics._model.whole_values import WholeValues

WIDTH, BLOCKS, TOKENS = 64, 4, 16


def decoder() -> tuple[dict[str, Tensor], Symmetries]:
    """Build a small decoder.

    Returns:
        Its weights by name, and its symmetries.
    """
    torch.manual_seed(0)
    model = Decoder(BLOCKS, WIDTH, heads=4, hidden=176, vocabulary=256, length=TOKENS)
    found = find_symmetries(model, torch.zeros(1, TOKENS, dtype=torch.long))
    return {name: parameter.detach() for name, parameter in model.named_parameters()}, found


def look(
    params: WholeValues, gradients: WholeValues, symmetries: Symmetries, exact: bool
) -> dict[str, Tensor]:
    """Look once.

    Args:
        params: Weights.
        gradients: Theirs.
        symmetries: What is measured.
        exact: Whether nothing is sketched.

    Returns:
        Scalars by key.
    """
    measure = OrderParameters(symmetries, exact)
    values = measure.motion(params, gradients) | measure(params)
    ChargeDrift(symmetries).charges(params)
    return values


class Planned(WholeValues):
    """Whole tensors that are read as sharded ones are, and counted."""

    def __init__(self, stored: Mapping[str, Tensor]) -> None:
        super().__init__(stored)
        self.reads: Counter[str] = Counter()
        self._name: str | None = None

    def __getitem__(self, name: str) -> Tensor:
        """Return a tensor; count it if it is not the one that was read before."""
        self.reads[name] += name != self._name
        self._name = name
        return self.stored[name]

    def is_sharded(self, name: str) -> bool:
        """Pretend that it is."""
        return True


def planned(params: Mapping[str, Tensor], symmetries: Symmetries, exact: bool) -> Counter[str]:
    """Count how often each tensor is put together at a look, from the symmetries alone.

    Args:
        params: Weights.
        symmetries: What is measured.
        exact: Whether nothing is sketched.

    Returns:
        Reads by name, of weights and gradients together.
    """
    weights, gradients = Planned(params), Planned(params)
    look(weights, gradients, symmetries, exact)
    return weights.reads + gradients.reads
