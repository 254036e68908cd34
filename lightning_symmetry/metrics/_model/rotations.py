"""How many directions of a space that may be rotated are in use, and which rotations nothing breaks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import repeat

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional._finite import ratio
from ...functional._lower_products import lower_gram
from ...functional._norm import frobenius_norm
from ...functional._spectral_ranks import number_above
from ...functional._spectrum import roots_of_eigenvalues
from ...functional.sketch import participation_of_projection
from .ranks import TOLERANCE, all_ranks
from .reader import Reader
from .rows import FIRST, parts
from .sketch import sketched
from .space import Piece, pieces, width
from .sums import Asking, Sum


def rotation_ranks(read: Reader, symmetries: Sequence[Symmetry]) -> Asking[dict[str, dict[str, Tensor]]]:
    """Measure the ranks of spaces that may be rotated, such as residual streams behind norms.

    Of all matrices that write or read such a space, side by side, seen through its gains and each of length
    one: a rotation leaves their singular values alone, and so does any scale of a whole matrix. If r
    directions are in use, the rotations of the n − r others change nothing.

    Args:
        read: gives the weights.
        symmetries: all symmetries.

    Yields:
        Sums of Gram matrices.

    Returns:
        ``effective_rank``, ``participation_ratio``, ``stable_rank``, ``numerical_rank`` and ``unbroken``, the
        dimension of the rotations that change nothing over that of all; means over the copies, by the name of
        the symmetry.
    """
    grams = yield {
        symmetry.name: Sum([read.term(p, partial(_gram, read, symmetry, p)) for p in matrices], Tensor.add_)
        for symmetry, matrices in _rotated(symmetries)
    }
    found: dict[str, dict[str, Tensor]] = defaultdict(dict)
    for symmetry, matrices in _rotated(symmetries):
        gram = grams[symmetry.name]
        sigma = roots_of_eigenvalues(gram, gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1).isfinite())
        # beside the mean there is one direction less than there are rows
        sigma = sigma[..., -symmetry.size :]
        unused = (symmetry.size - number_above(sigma, TOLERANCE)).clamp(min=0)
        share = unused * (unused - 1) / max(1, symmetry.size * (symmetry.size - 1))
        like = read.empty(matrices[0])
        values = all_ranks(sigma, like) | {"unbroken": share.mean(-1).to(like)}
        for quantity, value in values.items():
            found[quantity][symmetry.name] = value
    return found


def rotation_sketch(read: Reader, symmetries: Iterable[Symmetry]) -> Asking[dict[str, dict[str, Tensor]]]:
    """Estimate the participation ratio that :func:`rotation_ranks` measures.

    Args:
        read: gives the weights.
        symmetries: all symmetries.

    Yields:
        Sums of projections.

    Returns:
        ``participation_ratio`` by the name of the symmetry.
    """
    totals = yield {
        symmetry.name: Sum(
            [
                read.term(piece, partial(_projected_rows, read, symmetry, piece, seed))
                for seed, piece in enumerate(matrices)
            ]
        )
        for symmetry, matrices in _rotated(symmetries)
    }
    ratios = {name: participation_of_projection(total).mean(-1) for name, total in totals.items()}
    return {"participation_ratio": ratios}


def _projected_rows(read: Reader, symmetry: Symmetry, piece: Piece, seed: int, units: Tensor) -> Tensor:
    rows = _framed(sketched(seed, units), piece, symmetry, read.params)
    return rows * _shrinking(rows).unsqueeze(-1)


def _rotated(symmetries: Iterable[Symmetry]) -> Iterator[tuple[Symmetry, list[Piece]]]:
    """The spaces that may be rotated, with the matrices around each; other groups shift single numbers."""
    for symmetry in symmetries:
        matrices = [piece for piece in pieces(symmetry) if width(*piece) > 1]
        if symmetry.group == "orthogonal" and matrices:
            yield symmetry, matrices


def _gram(read: Reader, symmetry: Symmetry, piece: Piece, units: Tensor) -> Tensor:
    """The lower half of the Gram matrix of the rows of a matrix that is given length one."""
    rows = (_framed(part.flatten(FIRST), piece, symmetry, read.params) for (part,) in parts(units))
    gram = lower_gram(zip(rows, repeat(None)))
    square = gram.diagonal(dim1=-2, dim2=-1).sum(dim=-1)[..., None, None]
    return gram.div_(torch.where(square == 0, 1.0, square))


def _framed(units: Tensor, piece: Piece, symmetry: Symmetry, params: Mapping[str, Tensor]) -> Tensor:
    """Units as the group sees them: through gains, and beside their mean where it leaves that alone."""
    leg, act = piece
    rows = units / leg.frame(act, params).to(units)
    return rows - rows.mean(dim=-2, keepdim=True) if symmetry.centred else rows


def _shrinking(rows: Tensor) -> Tensor:
    """What every row, ``(copies, n)``, is multiplied with so that the matrix has length one."""
    length = frobenius_norm(rows)
    return ratio(torch.ones_like(length), length).unsqueeze(-1).expand(rows.shape[:-1])
