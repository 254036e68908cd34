"""Which pairs of units are the same."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._lower_products import Block

Modulo = Literal["nothing", "sign", "positive_scaling", "scaling"]
"""The group up to which units are compared."""


class Criterion(NamedTuple):
    """When two units are the same, in terms of their inner product.

    ``2 ‖a − b‖² < threshold (‖a‖² + ‖b‖²)`` bounds the product of a and b from below. Multiplied by the
    factor of one unit, all numbers in it are of the order of the other's length, so that units of any scale
    are compared in float32. A dead unit's factor is 0 and its bound infinite: it is the same as no other.

    Attributes:
        factors: tensor ``(..., n)`` that multiplies the products of a unit as the first of a pair.
        first: tensor ``(..., n)``, what the first of a pair adds to the bound; None for nothing.
        second: tensor ``(..., n)``, what the second does.
        either_sign: whether the sign of a product does not matter.
    """

    factors: Tensor
    first: Tensor | None
    second: Tensor
    either_sign: bool

    def met(self, products: Tensor, first: slice | Tensor, second: slice) -> Tensor:
        """Overwrite the products of some units by 1 where two are the same, and by 0 elsewhere."""
        if self.either_sign:
            products = products.abs_()
        if self.first is not None:
            products = products.sub_(self.first[..., first].unsqueeze(-1))
        return products.gt_(self.second[..., second].unsqueeze(-2))


def criterion(norms: Tensor, alive: Tensor, threshold: float, modulo: Modulo) -> Criterion:
    """Say when two units are the same.

    Args:
        norms: lengths of the units, ``(..., n)``.
        alive: which of them are not dead.
        threshold: relative squared distance under which two units are the same.
        modulo: the group up to which they are compared.

    Returns:
        The criterion.
    """
    share = (2 - threshold) / 4
    either_sign = modulo in ("sign", "scaling")
    if modulo in ("positive_scaling", "scaling"):  # the first of a pair has length one, so has the bound
        factors = torch.where(alive, 1 / norms, 0.0)
        return Criterion(factors, None, torch.where(alive, 2 * share * norms, math.inf), either_sign)
    longest = norms.amax(dim=-1, keepdim=True)
    relative = torch.where(longest > 0, norms / longest, 0.0)
    bound = share * norms * relative
    factors = torch.where(alive, 1 / longest, 0.0)
    return Criterion(factors, bound, torch.where(alive, bound, math.inf), either_sign)


def count_alike(blocks: Iterable[Block], when: Criterion) -> Tensor:
    """Count, for every unit, the units that are the same as it.

    Args:
        blocks: the products of all pairs, from :func:`lower_products` with the factors of the criterion.
        when: the criterion.

    Returns:
        Tensor ``(..., n)``, at least 1, for the unit itself.
    """
    same = torch.zeros_like(when.second)
    for start, stop, products in blocks:
        alike = when.met(products, slice(start, stop), slice(stop))
        same[..., start:stop] += alike.sum(dim=-1)
        same[..., :start] += alike[..., :start].sum(dim=-2)
    return same.clamp_(min=1)
