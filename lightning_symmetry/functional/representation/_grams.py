"""Inner products of the Gram matrices of two sets of features."""

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.representation._hsic import KernelSums
from lightning_symmetry.functional.representation._pair import centred, wide


def gram_products(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    r"""Sum the products of all entries of :math:`XX^\top` and :math:`YY^\top`, and of each with itself.

    They are also the squared norms of :math:`X^\top Y`, :math:`X^\top X` and :math:`Y^\top Y`, which are
    taken where they are the smaller matrices.

    Args:
        x: tensor ``(..., n, d_x)``.
        y: tensor ``(..., n, d_y)``.

    Returns:
        Three tensors of shape ``...``: of both, of x, of y.
    """
    if max(x.shape[-1], y.shape[-1]) > x.shape[-2]:
        one, other = inner_products(x, x), inner_products(y, y)
        return _product(one, other), _product(one, one), _product(other, other)
    return _crossed(x, y), _crossed(x, x), _crossed(y, y)


def linear_sums(a: Tensor, b: Tensor) -> tuple[KernelSums, KernelSums, KernelSums]:
    """Compute what centred alignment needs of the linear kernels of two sets of features.

    Args:
        a: tensor ``(..., n, d_a)``.
        b: tensor ``(..., n, d_b)``.

    Returns:
        Sums of both kernels, of the first with itself, and of the second with itself, in float64.
    """
    x, y = (rescaled([centred(wide(rows))])[0] for rows in (a, b))
    k, l = (rows.square().sum(dim=-1) for rows in (x, y))  # noqa: E741  # the diagonals of K and L
    count = x.new_tensor(x.shape[-2])
    both, one, other = gram_products(x, y)
    return (
        KernelSums(count, both, k.sum(dim=-1), l.sum(dim=-1), (k * l).sum(dim=-1)),
        KernelSums(count, one, k.sum(dim=-1), k.sum(dim=-1), k.square().sum(dim=-1)),
        KernelSums(count, other, l.sum(dim=-1), l.sum(dim=-1), l.square().sum(dim=-1)),
    )


def _crossed(x: Tensor, y: Tensor) -> Tensor:
    return frobenius_norm(inner_products(x.mT, y.mT)).square()


def _product(one: Tensor, other: Tensor) -> Tensor:
    total: Tensor = torch.mul(one, other).sum(dim=-1).sum(dim=-1)
    return total
