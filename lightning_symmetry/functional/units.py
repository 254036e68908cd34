"""How many units of an index space are dead, and of the others how many differ and how many are duplicates.

The thresholds on norms and pairs are those of Chen et al., "Stochastic Collapse", arXiv 2306.04251. The
counts are piecewise constant, so they are computed without gradients; they are returned as floating-point
numbers because the number of distinct units need not be whole, and because NaN marks a copy whose weights are
not finite.
"""

import torch
from torch import Tensor

from lightning_symmetry.functional._alike import Modulo
from lightning_symmetry.functional._check import check, check_number
from lightning_symmetry.functional._clusters import alive_units, clusters, where_finite
from lightning_symmetry.functional._finite import rescaled
from lightning_symmetry.functional._legs import as_units


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
    check_number(threshold, "threshold")
    check(threshold >= 0, "threshold", "be at least 0", threshold)
    (rows,) = rescaled([as_units(units, "units")])
    sizes = torch.linalg.vector_norm(rows, dim=-1)
    return where_finite(sizes, (~alive_units(sizes, threshold)).sum(dim=-1))


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
    found = clusters(units, threshold, modulo=modulo, dead_threshold=dead_threshold, sizes=sizes)
    return found.distinct()


@torch.no_grad()
def duplicate_units(
    units: Tensor,
    threshold: float = 0.1,
    *,
    modulo: Modulo = "nothing",
    dead_threshold: float = 0.1,
    sizes: Tensor | None = None,
) -> Tensor:
    r"""Count the living units that the network could do without, since others do the same.

    .. math:: n - n_\text{dead} - n_\text{distinct}

    A cluster of c equal units acts as one unit and holds c − 1 duplicates (arXiv 2502.05300).

    Args:
        units: as for :func:`distinct_units`.
        threshold: as for :func:`distinct_units`.
        modulo: as for :func:`distinct_units`.
        dead_threshold: as for :func:`distinct_units`.
        sizes: as for :func:`distinct_units`.

    Returns:
        Tensor of shape ``...``, float32 or better, at least 0; NaN where a unit or a size is not finite.

    Raises:
        ValueError: if a shape, a threshold or ``modulo`` is not as for :func:`distinct_units`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import duplicate_units
        >>> duplicate_units(torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.1, 0.0], [0.0, 1.0], [0.0, 0.01]]))
        tensor(2.)
    """
    found = clusters(units, threshold, modulo=modulo, dead_threshold=dead_threshold, sizes=sizes)
    return found.duplicates()
