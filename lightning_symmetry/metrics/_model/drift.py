"""How far conserved charges have moved since the look before, and what of it weight decay explains."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from ...discovery.symmetry import Symmetry
from ...functional._gram import inner_products
from ...functional._norm import frobenius_norm
from ...functional.drift import Drift, drift_of_squares, total_size
from .measured import Measured, batched, total
from .reader import Reader
from .rows import FIRST
from .space import Piece, Space, is_two_sided, sides
from .sums import Asking, Sum

Charges = dict[str, list[tuple[float, str, Tensor]]]
"""What the charges of each symmetry are made of: pieces with one power, of one parameter group, together.

The tensors are squared norms of units, ``(copies, n, 1)``, or Gram matrices, ``(copies, n, n)``.
"""


def charges(
    read: Reader, spaces: Iterable[Space], symmetries: Iterable[Symmetry], groups: Mapping[str, str]
) -> Asking[Charges]:
    """Measure what the charges of two-sided scalings and of general linear groups are made of.

    Args:
        read: gives the weights.
        spaces: all spaces.
        symmetries: all symmetries.
        groups: which parameter group each parameter belongs to.

    Yields:
        Lengths and Gram matrices.

    Returns:
        Tensors of their own, for the next look to compare with.
    """
    scaled = {s.name: _parts(s, groups) for s in symmetries if is_two_sided(s) and _is_conserved(s)}
    movers = [s.mover for s in spaces if s.mover.group == "general_linear" and _is_conserved(s.mover)]
    mixed = {mover.name: _parts(mover, groups) for mover in movers}
    mixed = {name: parts for name, parts in mixed.items() if len({power for power, _ in parts}) == 2}
    lengths = read.unknown(
        piece for parts in scaled.values() for pieces in parts.values() for piece in pieces
    )
    grams = {
        (name, key): Sum([read.term(piece, _gram) for piece in pieces])
        for name, parts in mixed.items()
        for key, pieces in parts.items()
    }
    found = yield {**lengths, **grams}
    read.know({key: found[key] for key in lengths})
    squares: Charges = {
        name: [(*key, _squares(read, pieces)) for key, pieces in parts.items()]
        for name, parts in scaled.items()
    }
    return squares | {name: [(*key, found[name, key]) for key in parts] for name, parts in mixed.items()}


def drift(before: Charges, after: Charges, kept: Mapping[str, float | None]) -> dict[str, Measured]:
    """Compare two looks.

    Args:
        before: charges at the first one.
        after: charges at the second one.
        kept: the share that weight decay has left since of the weights of each parameter group; None if that
            is not known. What belongs to no optimizer has not decayed.

    Returns:
        ``charge_drift``, and for symmetries of which all decay is known ``charge_drift_predicted`` and
        ``charge_drift_unexplained``, means over the copies; the model's are the means. Symmetries whose
        parameters have changed groups are left out.
    """
    alike: dict[tuple[tuple[float, float | None], ...], dict[str, list[Tensor]]] = defaultdict(dict)
    for name, parts in after.items():
        earlier = before.get(name, [])
        if [_label(part) for part in earlier] == [_label(part) for part in parts]:
            key = tuple((power, kept.get(group, 1.0)) for power, group, _ in parts)
            alike[key][name] = [old.to(new) for (*_, old), (*_, new) in zip(earlier, parts, strict=True)]
            alike[key][name] += [squares for *_, squares in parts]
    moved: dict[str, Drift] = {}
    foreseen: dict[str, Drift] = {}
    for key, inputs in alike.items():
        powers = [power for power, _ in key]
        shares = [share for _, share in key if share is not None]
        is_known = len(shares) == len(key)
        compare = partial(_compared, powers, shares if is_known else [1.0] * len(key))
        drifts = {name: Drift(*value) for name, value in batched(compare, inputs.items()).items()}
        moved |= drifts
        foreseen |= drifts if is_known else {}
    return {
        "charge_drift": total({name: each.moved for name, each in moved.items()}, torch.mean),
        "charge_drift_predicted": total({n: each.predicted for n, each in foreseen.items()}, torch.mean),
        "charge_drift_unexplained": total({n: each.unexplained for n, each in foreseen.items()}, torch.mean),
    }


def _compared(powers: Sequence[float], kept: Sequence[float], *squares: Tensor) -> Tensor:
    half = len(squares) // 2
    size = total_size if squares[0].shape[-1] == 1 else frobenius_norm
    found = drift_of_squares(squares[:half], squares[half:], powers, kept, size)
    return torch.stack([part.mean(-1) for part in found], dim=-1)


def _is_conserved(symmetry: Symmetry) -> bool:
    """Whether gradients of the parameters alone conserve the charge, and weight decay shrinks it."""
    return not any(leg.kind == "buffer" or leg.additive or leg.about for leg in symmetry.legs)


def _parts(symmetry: Symmetry, groups: Mapping[str, str]) -> dict[tuple[float, str], list[Piece]]:
    parts: dict[tuple[float, str], list[Piece]] = defaultdict(list)
    for piece, power in zip(*sides(symmetry), strict=True):
        parts[float(power), groups.get(piece[0].parameter, "")].append(piece)
    return parts


def _squares(read: Reader, pieces: Sequence[Piece]) -> Tensor:
    return torch.stack(read.norms(pieces)).square().sum(0)


def _gram(pieces: Tensor) -> Tensor:
    rows = pieces.flatten(start_dim=FIRST)
    precise = rows.to(torch.promote_types(rows.dtype, torch.float32))
    return inner_products(precise, precise)


def _label(part: tuple[float, str, Tensor]) -> tuple[float, str, torch.Size]:
    power, group, squares = part
    return power, group, squares.shape
