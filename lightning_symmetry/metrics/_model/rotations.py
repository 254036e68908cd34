"""How many directions of a space that may be rotated are in use, and which rotations nothing breaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional._finite import ratio
from ...functional._lower_products import lower_gram
from ...functional._norm import frobenius_norm
from ...functional._spectral_ranks import number_above
from ...functional._spectrum import roots_of_eigenvalues
from ...functional.sketch import participation_of_projection, projected
from .ranks import TOLERANCE, all_ranks
from .reader import Reader
from .sketch import DIRECTIONS
from .space import Piece, pieces, width


def rotation_ranks(
    read: Reader, params: Mapping[str, Tensor], symmetries: Iterable[Symmetry]
) -> dict[str, dict[str, Tensor]]:
    """Measure the ranks of spaces that may be rotated, such as residual streams behind norms.

    Of all matrices that write or read such a space, side by side, seen through its gains and each of length
    one: a rotation leaves their singular values alone, and so does any scale of a whole matrix. If r
    directions are in use, the rotations of the n − r others change nothing.

    Args:
        read: gives the weights.
        params: parameters by name, for the gains.
        symmetries: all symmetries.

    Returns:
        ``effective_rank``, ``participation_ratio``, ``stable_rank``, ``numerical_rank`` and ``unbroken``, the
        dimension of the rotations that change nothing over that of all; means over the copies, by the name of
        the symmetry.
    """
    found: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for symmetry, matrices in _rotated(symmetries):
        rows = [_framed(read.stacked([piece])[0], piece, symmetry, params) for piece in matrices]
        gram = lower_gram(rows, [_shrinking(leg) for leg in rows])
        sigma = roots_of_eigenvalues(gram, gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1).isfinite())
        sigma = sigma[
            ..., -symmetry.size :
        ]  # beside the mean there is one direction less than there are rows
        unused = (symmetry.size - number_above(sigma, TOLERANCE)).clamp(min=0)
        share = unused * (unused - 1) / max(1, symmetry.size * (symmetry.size - 1))
        values = all_ranks(sigma, rows[0]) | {"unbroken": share.mean(-1).to(rows[0])}
        for quantity, value in values.items():
            found[quantity][symmetry.name] = value
    return found


def rotation_sketch(
    read: Reader, params: Mapping[str, Tensor], symmetries: Iterable[Symmetry]
) -> dict[str, dict[str, Tensor]]:
    """Estimate the participation ratio that :func:`rotation_ranks` measures.

    Args:
        read: gives the weights.
        params: parameters by name, for the gains.
        symmetries: all symmetries.

    Returns:
        ``participation_ratio`` by the name of the symmetry.
    """
    found = {}
    for symmetry, matrices in _rotated(symmetries):
        parts = []
        for seed, piece in enumerate(matrices):
            units = read.unflattened(piece)
            part = projected(units.to(torch.promote_types(units.dtype, torch.float32)), DIRECTIONS, seed)
            rows = _framed(part, piece, symmetry, params)
            parts.append(rows * _shrinking(rows).unsqueeze(-1))
        found[symmetry.name] = participation_of_projection(torch.stack(parts).sum(dim=0)).mean(-1)
    return {"participation_ratio": found}


def _rotated(symmetries: Iterable[Symmetry]) -> Iterator[tuple[Symmetry, list[Piece]]]:
    """The spaces that may be rotated, with the matrices around each; other groups shift single numbers."""
    for symmetry in symmetries:
        matrices = [piece for piece in pieces(symmetry) if width(*piece) > 1]
        if symmetry.group == "orthogonal" and matrices:
            yield symmetry, matrices


def _framed(units: Tensor, piece: Piece, symmetry: Symmetry, params: Mapping[str, Tensor]) -> Tensor:
    """Units as the group sees them: through gains, and beside their mean where it leaves that alone."""
    leg, act = piece
    rows = units / leg.frame(act, params).to(units)
    return rows - rows.mean(dim=-2, keepdim=True) if symmetry.centred else rows


def _shrinking(rows: Tensor) -> Tensor:
    """What every row, ``(copies, n)``, is multiplied with so that the matrix has length one."""
    length = frobenius_norm(rows)
    return ratio(torch.ones_like(length), length).unsqueeze(-1).expand(rows.shape[:-1])
