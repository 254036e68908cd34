"""One look at sharded weights: weights, gradients and charges, as SymmetryMonitor has it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor

from benchmarks.cost.models import Decoder
from lightning_symmetry import Symmetries, find_symmetries
from lightning_symmetry.metrics import ChargeDrift, OrderParameters
from lightning_symmetry.metrics._model.reader import Reader
from lightning_symmetry.metrics._model.sums import answered, together
from lightning_symmetry.metrics._model.whole_values import WholeValues

TOKENS = 16


def decoder() -> tuple[dict[str, Tensor], Symmetries]:
    """Build a small decoder, whose looks are counted.

    Returns:
        Its weights by name, and its symmetries.
    """
    torch.manual_seed(0)
    return _weights(Decoder(blocks=4, width=64, heads=4, hidden=176, vocabulary=256, length=TOKENS))


def wide_decoder() -> tuple[dict[str, Tensor], Symmetries]:
    """Build a decoder whose layers are large beside what is computed at once.

    Returns:
        Its weights by name, and its symmetries.
    """
    torch.manual_seed(0)
    return _weights(Decoder(blocks=2, width=1024, heads=16, hidden=4096, vocabulary=4096, length=TOKENS))


def _weights(model: Decoder) -> tuple[dict[str, Tensor], Symmetries]:
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
    return measure.motion(params, gradients) | look_at_weights(params, measure, symmetries)


def look_at_weights(
    params: WholeValues, measure: OrderParameters, symmetries: Symmetries
) -> dict[str, Tensor]:
    """Look at weights and charges, which are read together.

    Args:
        params: Weights.
        measure: Measures order parameters.
        symmetries: What is measured.

    Returns:
        Scalars by key.
    """
    read = Reader(params)
    found, _ = answered(together([measure.look(read), ChargeDrift(symmetries).look(read, {})]), read)
    values: dict[str, Tensor] = found
    return values


class Planned(WholeValues):
    """Whole tensors that are read as sharded ones are, and counted."""

    def __init__(self, stored: Mapping[str, Tensor]) -> None:
        super().__init__(stored)
        self.reads: Counter[str] = Counter()

    def meet(self, what: str) -> None:
        """Count what is put together."""
        self.reads[what] += 1

    def whole(self, name: str) -> Tensor:
        """Pretend to put a tensor together."""
        return self.stored[name].clone()

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
