"""How many units of an index space are dead, and how many are left that differ.

The thresholds on norms and pairs are those of Chen et al., "Stochastic Collapse", arXiv 2306.04251. Both
counts are piecewise constant, so they are computed without gradients; they are returned as floating-point
numbers because the number of distinct units need not be whole, and because NaN marks a copy whose weights are
not finite.
"""

import math
from typing import Literal, get_args

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_units

Modulo = Literal["nothing", "sign", "positive_scaling", "scaling"]

# Pairs compared at once: two temporaries of this many float32 are 128 MB, for any number of units.
_PAIRS_AT_ONCE = 2**24


@torch.no_grad()
def dead_units(units: Tensor, threshold: float = 0.1) -> Tensor:
    r"""Count the units whose norm is a small fraction of the largest one.

    .. math:: \#\{i : \lVert z_i \rVert < \texttt{threshold} \cdot \max_j \lVert z_j \rVert\}

    Units that are exactly zero are dead at every threshold; if all are zero, all are dead (arXiv 2306.04251).
    Where units can be rescaled, :math:`\lVert z_i \rVert` depends on the choice of scale: count sizes that
    do not instead, such as ``(incoming.norm(dim=-1) * outgoing.norm(dim=-1)).unsqueeze(-1)``.

    Args:
        units: tensor ``(..., n, k)``; row i stacks everything that unit i writes and reads.
        threshold: fraction of the largest norm, at least 0.

    Returns:
        Tensor of shape ``...``, float32 or better, between 0 and n; NaN where a unit is not finite.

    Raises:
        ValueError: if ``units`` has no such shape or ``threshold`` is negative.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import dead_units
        >>> dead_units(torch.tensor([[3.0, 4.0], [0.1, 0.2], [0.0, 0.0]]))
        tensor(2.)
    """
    _check(threshold >= 0, "threshold", "be at least 0", threshold)
    (rows,) = rescaled([as_units(units, "units")])
    sizes = torch.linalg.vector_norm(rows, dim=-1)
    return _where_finite(sizes, (~_alive(sizes, threshold)).sum(dim=-1))


@torch.no_grad()
def distinct_units(
    units: Tensor,
    threshold: float = 0.1,
    *,
    modulo: Modulo = "nothing",
    dead_threshold: float = 0.1,
    sizes: Tensor | None = None,
) -> Tensor:
    r"""Count the living units that differ from each other, up to a group acting on each of them.

    .. math:: \sum_{i\ \text{alive}} \frac{1}{|\{j\ \text{alive} : i \sim j\}|}, \qquad
        i \sim j \iff \frac{2\lVert z_i - z_j \rVert^2}{\lVert z_i \rVert^2 + \lVert z_j \rVert^2}
        < \texttt{threshold}

    Identical pairs follow arXiv 2306.04251. For well separated clusters the sum is their number; where the
    relation is not transitive it interpolates, with no graph search. Dead units form one class that is not
    counted: their directions are noise, which would pass for as many distinct units once scale is ignored.

    The group that ``modulo`` names acts on whole rows. ``"sign"`` takes the smaller distance over
    :math:`z_j \to \pm z_j`; ``"positive_scaling"`` compares directions; ``"scaling"`` compares lines. A
    hidden ReLU unit is rescaled *inversely* in what it reads and writes, so pass its incoming leg alone
    there, and ``sizes`` if that group shall not decide which units are dead.

    One Gram matrix, computed a block of rows at a time: n = 16384 takes no more memory than n = 4096.
    Distances come from inner products, so thresholds near the precision of the dtype (1e-6 in float32)
    compare rounding errors.

    Args:
        units: tensor ``(..., n, k)``, one unit a row.
        threshold: relative squared distance under which two units are the same, positive.
        modulo: ``"nothing"``, ``"sign"``, ``"positive_scaling"`` or ``"scaling"``.
        dead_threshold: fraction of the largest size under which a unit is dead, at least 0.
        sizes: tensor ``(..., n)`` that decides which units are dead, by default the norms of the rows. For
            units that can be rescaled, the product of their incoming and outgoing norms is invariant.

    Returns:
        Tensor of shape ``...``, float32 or better, between 0 and n minus the dead units; NaN where a unit or
        a size is not finite.

    Raises:
        ValueError: if a shape, a threshold or ``modulo`` is not as above.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import distinct_units
        >>> units = torch.tensor([[1.0, 0.0], [1.0, 0.1], [-2.0, 0.0], [0.0, 1.0], [0.0, 0.01]])
        >>> distinct_units(units), distinct_units(units, modulo="scaling")
        (tensor(3.), tensor(2.))
    """
    _check(threshold > 0, "threshold", "be positive", threshold)
    _check(dead_threshold >= 0, "dead_threshold", "be at least 0", dead_threshold)
    _check(modulo in get_args(Modulo), "modulo", f"be one of {', '.join(get_args(Modulo))}", modulo)
    (rows,) = rescaled([as_units(units, "units")])
    norms = torch.linalg.vector_norm(rows, dim=-1)
    sizes = norms if sizes is None else _as_sizes(sizes, norms)
    # A unit without a direction is the same as nothing else: it counts as dead whatever its size.
    alive = _alive(sizes, dead_threshold) & (norms > 0)
    squares = norms.square()
    if modulo in ("positive_scaling", "scaling"):
        rows = rows / torch.where(norms > 0, norms, 1.0).unsqueeze(-1)
        squares = torch.ones_like(norms)
    same = _number_alike(rows, squares, alive, threshold, either_sign=modulo in ("sign", "scaling"))
    return _where_finite(norms + sizes, torch.where(alive, 1.0 / same, 0.0).sum(dim=-1))


def _number_alike(
    rows: Tensor, squares: Tensor, alive: Tensor, threshold: float, either_sign: bool
) -> Tensor:
    n, copies = rows.shape[-2], math.prod(rows.shape[:-2])
    block = max(1, _PAIRS_AT_ONCE // max(1, n * copies))
    # 2 (a + b - 2 overlap) < threshold (a + b), solved for the overlap: no division by a possible zero.
    bounds = (2 - threshold) / 4 * squares
    counts = []  # for every row, the living rows that are the same; at least 1, for the row itself
    for start in range(0, n, block):
        here = slice(start, start + block)
        overlap = inner_products(rows[..., here, :], rows)
        if either_sign:
            overlap = overlap.abs_()
        alike = overlap > bounds[..., here, None] + bounds[..., None, :]
        counts.append((alike & alive[..., None, :]).sum(dim=-1))
    return torch.cat(counts, dim=-1).clamp(min=1).to(rows.dtype)


def _alive(sizes: Tensor, threshold: float) -> Tensor:
    return (sizes >= threshold * sizes.amax(dim=-1, keepdim=True)) & (sizes > 0)


def _as_sizes(sizes: Tensor, norms: Tensor) -> Tensor:
    if sizes.shape != norms.shape or not sizes.is_floating_point():
        raise ValueError(
            f"`sizes` must be floating-point of shape {tuple(norms.shape)}, one size a unit, "
            f"got {sizes.dtype} of shape {tuple(sizes.shape)}"
        )
    (rows,) = rescaled([sizes.to(norms.dtype).unsqueeze(-2)])
    return rows.squeeze(-2)


def _where_finite(witness: Tensor, value: Tensor) -> Tensor:
    total = witness.sum(dim=-1)
    return torch.where(total.isfinite(), value.to(total.dtype), math.nan)


def _check(holds: bool, name: str, rule: str, value: object) -> None:
    if not holds:
        raise ValueError(f"`{name}` must {rule}, got {value!r}")
