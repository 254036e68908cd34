"""At which rate each symmetry is being broken or restored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional._finite import finite_or_nan, ratio
from .measured import Measured, batched
from .slopes import Slopes
from .space import Piece, Space, sides


def growth(given: Slopes, permuted: Iterable[Space], symmetries: Iterable[Symmetry]) -> Measured:
    """Measure −⟨θ⊥, ∇L⟩/‖θ⊥‖² of permutations, and of the groups that fix nothing but zero.

    Weight decay λ adds ⟨θ⊥, λθ⟩ = λ‖θ⊥‖² of each piece. In float32 the squares of weights below 1e-19 are
    zero, and so are their rates.

    Args:
        given: weights and gradients.
        permuted: the spaces whose units trade places.
        symmetries: all symmetries.

    Returns:
        ``growth_rate``, copies together; the model's is that of all permutations together. Symmetries whose
        weights are not all there are left out.
    """
    traded = {space.mover.name: space.legs() for space in permuted}
    fixed = {s.name: sides(s)[0] for s in symmetries if s.group in {"sign", "general_linear"}}
    broken = _projected(given, traded, _centred)
    found = broken | _projected(given, fixed, _whole)
    each = {name: _rate(parts) for name, parts in found.items()}
    return Measured(each, _rate(torch.stack(list(broken.values())).sum(dim=0)) if broken else None)


def _projected(
    given: Slopes, moved: Mapping[str, Sequence[Piece]], part: Callable[[Tensor], Tensor]
) -> dict[str, Tensor]:
    """The slope along the broken part of the weights, and its square: ``(2,)`` by the name of a symmetry."""
    known = {name: pieces for name, pieces in moved.items() if given.know(pieces)}
    found = batched(
        partial(_products, part),
        (
            ((name, i), given.spread(piece))
            for name, pieces in known.items()
            for i, piece in enumerate(pieces)
        ),
        alone=given.is_sharded,
    )
    products = {
        name: torch.stack([found[name, i] for i in range(len(pieces))], dim=-1)
        for name, pieces in known.items()
    }
    return {name: _with_decay(each, given.decays(known[name])) for name, each in products.items()}


def _products(part: Callable[[Tensor], Tensor], weights: Tensor, slopes: Tensor) -> Tensor:
    """⟨θ⊥, ∇L⟩ and ‖θ⊥‖² of pieces, ``(pieces, 2)``, from their weights and their gradients."""
    broken = part(weights.to(torch.promote_types(weights.dtype, torch.float32)))
    rest = tuple(range(1, broken.ndim))
    return torch.stack([(broken * slopes).sum(rest), broken.square().sum(rest)], dim=-1)


def _with_decay(products: Tensor, decays: Sequence[float]) -> Tensor:
    along, squares = products
    if any(decays):
        along = along + torch.stack([rate * square for rate, square in zip(decays, squares, strict=True)])
    return torch.stack([along.sum(), squares.sum()])


def _rate(parts: Tensor) -> Tensor:
    along, square = parts
    return finite_or_nan(-ratio(along, square))


def _centred(weights: Tensor) -> Tensor:
    return weights - weights.mean(dim=2, keepdim=True)


def _whole(weights: Tensor) -> Tensor:
    return weights
