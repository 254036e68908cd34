"""Clusters of equal units, from which all counts of units follow."""

import math
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from lightning_symmetry.functional._alike import Modulo, count_alike, criterion
from lightning_symmetry.functional._check import check, check_number, check_tensor
from lightning_symmetry.functional._finite import rescaled
from lightning_symmetry.functional._legs import as_units
from lightning_symmetry.functional._lower_products import lower_products


@dataclass(frozen=True)
class Clusters:
    """How many units are the same as each one.

    Attributes:
        sizes: tensor ``(..., m)``, at least 1, of the m units that were asked about; dead units are all the
            same.
        asked: which of them are not dead, ``(..., m)``.
        alive: which of all units are not dead, ``(..., n)``.
        finite: whether all weights of a copy are, ``...``.
    """

    sizes: Tensor
    asked: Tensor
    alive: Tensor
    finite: Tensor

    def living(self) -> Tensor:
        """The number of units that are not dead."""
        return self._where_finite(self.alive.sum(dim=-1).to(self.sizes.dtype))

    def dead(self) -> Tensor:
        """The number of units that are."""
        return self._where_finite((~self.alive).sum(dim=-1).to(self.sizes.dtype))

    def distinct(self) -> Tensor:
        """The number of clusters of living units."""
        return self._mean(torch.where(self.asked, 1 / self.sizes, 0.0))

    def duplicates(self) -> Tensor:
        """The number of living units beyond the first of each cluster."""
        return self.living() - self.distinct()

    def unbroken(self) -> Tensor:
        """The share of log n! that the permutations within clusters make up."""
        # a single unit has nobody to trade places with
        return self.log_order() / (math.lgamma(self.alive.shape[-1] + 1) or 1.0)

    def log_order(self) -> Tensor:
        """The logarithm of the number of permutations that change nothing, Σ log c! over all clusters."""
        return self._mean(torch.lgamma(self.sizes + 1) / self.sizes)

    def _mean(self, parts: Tensor) -> Tensor:
        """The sum over all units, if those that were asked about are like the others."""
        return self._where_finite(parts.mean(dim=-1) * self.alive.shape[-1])

    def _where_finite(self, value: Tensor) -> Tensor:
        return torch.where(self.finite, value, math.nan)


@torch.no_grad()
def clusters(
    units: Tensor,
    threshold: float = 0.1,
    *,
    modulo: Modulo = "nothing",
    dead_threshold: float = 0.1,
    sizes: Tensor | None = None,
) -> Clusters:
    """Compare all units with each other, as :func:`~lightning_symmetry.functional.distinct_units` does.

    Args:
        units: tensor ``(..., n, k)``, one unit a row.
        threshold: relative squared distance under which two units are the same, positive.
        modulo: the group up to which units are compared.
        dead_threshold: fraction of the largest size under which a unit is dead, at least 0.
        sizes: tensor ``(..., n)`` that decides which units are dead, by default the norms of the rows.

    Returns:
        The clusters.

    Raises:
        ValueError: if a shape, a threshold or ``modulo`` is not as above.
    """
    check_number(threshold, "threshold")
    check(threshold > 0, "threshold", "be positive", threshold)
    check_number(dead_threshold, "dead_threshold")
    check(dead_threshold >= 0, "dead_threshold", "be at least 0", dead_threshold)
    check(modulo in get_args(Modulo), "modulo", f"be one of {', '.join(get_args(Modulo))}", modulo)
    (rows,) = rescaled([as_units(units, "units")])
    norms = torch.linalg.vector_norm(rows, dim=-1)
    sizes = norms if sizes is None else _as_sizes(sizes, norms)
    alive = living_units(sizes, norms, dead_threshold)
    when = criterion(norms, alive, threshold, modulo)
    same = count_alike(lower_products([rows], when.factors), when)
    return gathered(same, alive, norms + sizes)


def living_units(sizes: Tensor, norms: Tensor, threshold: float = 0.1) -> Tensor:
    """Which units are not dead; one without a direction is the same as nothing else, and dead at any size."""
    return alive_units(sizes, threshold) & (norms > 0)


def gathered(same: Tensor, alive: Tensor, witness: Tensor, chosen: Tensor | None = None) -> Clusters:
    """Collect what was counted, the dead units as one cluster.

    Args:
        same: how many living units are the same as each one, ``(..., m)``.
        alive: which units are not dead, ``(..., n)``.
        witness: tensor ``(..., n)`` that is not finite where the weights of a unit are not.
        chosen: the numbers of the m units that were asked about, by default all.

    Returns:
        The clusters.
    """
    dead = (~alive).sum(dim=-1, keepdim=True).to(same.dtype)
    asked = alive if chosen is None else alive[..., chosen]
    return Clusters(torch.where(asked, same, dead.clamp(min=1)), asked, alive, witness.sum(dim=-1).isfinite())


def alive_units(sizes: Tensor, threshold: float) -> Tensor:
    """Which units are not a small fraction of the largest of their copy."""
    return (sizes >= threshold * sizes.amax(dim=-1, keepdim=True)) & (sizes > 0)


def where_finite(witness: Tensor, value: Tensor) -> Tensor:
    """The value of every copy, NaN where its witnesses ``(..., n)`` are not finite."""
    total = witness.sum(dim=-1)
    return torch.where(total.isfinite(), value.to(total.dtype), math.nan)


def _as_sizes(sizes: Tensor, norms: Tensor) -> Tensor:
    check_tensor(sizes, "sizes")
    if sizes.shape != norms.shape or not sizes.is_floating_point():
        raise ValueError(
            f"`sizes` must be floating-point of shape {tuple(norms.shape)}, one size a unit, "
            f"got {sizes.dtype} of shape {tuple(sizes.shape)}"
        )
    (rows,) = rescaled([sizes.to(norms.dtype).unsqueeze(-2)])
    return rows.squeeze(-2)
