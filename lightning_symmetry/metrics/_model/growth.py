"""At which rate each symmetry is being broken or restored."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional import broken_part, growth_rate, permutation_distance
from ...functional._finite import ratio
from .measured import Measured, batched
from .slopes import Slopes
from .space import Space, sides


def growth(given: Slopes, permuted: Iterable[Space], symmetries: Iterable[Symmetry]) -> Measured:
    """Measure −⟨θ⊥, ∇L⟩/‖θ⊥‖² of permutations, and of the groups that fix nothing but zero.

    Args:
        given: weights and gradients.
        permuted: the spaces whose units trade places.
        symmetries: all symmetries.

    Returns:
        ``growth_rate``, copies together; the model's is that of all permutations together. Symmetries whose
        weights are not all there are left out.
    """
    pieces = {space.mover.name: space.legs() for space in permuted if given.know(space.legs())}
    broken = {name: broken_part(given.weights(moved)) for name, moved in pieces.items()}
    squares = {name: permutation_distance(parts).square().sum() for name, parts in broken.items()}
    for symmetry in symmetries:
        if symmetry.group in {"sign", "general_linear"} and given.know(moved := sides(symmetry)[0]):
            pieces[symmetry.name], broken[symmetry.name] = moved, given.weights(moved)
    each = batched(_rate, {name: [*parts, *given.slopes(pieces[name])] for name, parts in broken.items()})
    if not squares:
        return Measured(each, None)
    weights = torch.stack(list(squares.values()))
    rates = torch.stack([each[name] for name in squares])
    return Measured(each, ratio((rates * weights).sum(), weights.sum()))


def _rate(*tensors: Tensor) -> Tensor:
    """The rate of all copies of a space together: they become columns of one."""
    half = len(tensors) // 2
    joined = [tensor.transpose(1, 2).flatten(start_dim=2) for tensor in tensors]
    return growth_rate(joined[:half], joined[half:])
