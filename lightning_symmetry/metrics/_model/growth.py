"""At which rate each symmetry is being broken or restored."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import partial, reduce

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional._finite import finite_or_nan, ratio
from .measured import Measured
from .rows import parts
from .slopes import Slopes
from .space import Piece, Space, sides
from .sums import Asking, Sum, Term


def growth(given: Slopes, permuted: Iterable[Space], symmetries: Iterable[Symmetry]) -> Asking[Measured]:
    """Measure −⟨θ⊥, ∇L⟩/‖θ⊥‖² of permutations, and of the groups that fix nothing but zero.

    Weight decay λ adds ⟨θ⊥, λθ⟩ = λ‖θ⊥‖² of each piece. In float32 the squares of weights below 1e-19 are
    zero, and so are their rates.

    Args:
        given: weights and gradients.
        permuted: the spaces whose units trade places.
        symmetries: all symmetries.

    Yields:
        Sums of products.

    Returns:
        ``growth_rate``, copies together; the model's is that of all permutations together. Symmetries whose
        weights are not all there are left out.
    """
    moved = {space.mover.name: (space.legs(), _OF_BROKEN) for space in permuted}
    fixed = (s for s in symmetries if s.group in {"sign", "general_linear"})
    moved |= {s.name: (sides(s)[0], _OF_ALL) for s in fixed}
    known = {name: each for name, each in moved.items() if given.know(each[0])}
    products = yield {
        (name, decay): Sum([Term(*given.pair(piece), function) for piece in some])
        for name, (pieces, function) in known.items()
        for decay, some in _decaying(given, pieces).items()
    }
    found: dict[str, list[Tensor]] = defaultdict(list)
    for (name, decay), (along, square) in products.items():
        found[name].append(torch.stack([along + decay * square if decay else along, square]))
    each = {name: torch.stack(some).sum(dim=0) for name, some in found.items()}
    broken = [parts for name, parts in each.items() if known[name][1] is _OF_BROKEN]
    whole = _rate(torch.stack(broken).sum(dim=0)) if broken else None
    return Measured({name: _rate(parts) for name, parts in each.items()}, whole)


def _decaying(given: Slopes, pieces: Iterable[Piece]) -> dict[float, list[Piece]]:
    """Pieces by their weight decay."""
    found: dict[float, list[Piece]] = defaultdict(list)
    for piece in pieces:
        found[given.decay(piece)].append(piece)
    return found


def _products(broken: Callable[[Tensor], Tensor], weights: Tensor, gradients: Tensor) -> Tensor:
    """⟨θ⊥, ∇L⟩ and ‖θ⊥‖² of pieces, ``(pieces, 2)``, from their weights and their gradients."""
    return reduce(torch.add, (_pair(broken(some), along) for some, along in parts(weights, gradients)))


def _pair(broken: Tensor, gradients: Tensor) -> Tensor:
    rest = tuple(range(1, broken.ndim))
    return torch.stack([(broken * gradients).sum(rest), broken.square().sum(rest)], dim=-1)


def _rate(products: Tensor) -> Tensor:
    along, square = products
    return finite_or_nan(-ratio(along, square))


def _centred(weights: Tensor) -> Tensor:
    return weights - weights.mean(dim=2, keepdim=True)


def _whole(weights: Tensor) -> Tensor:
    return weights


_OF_BROKEN, _OF_ALL = partial(_products, _centred), partial(_products, _whole)
