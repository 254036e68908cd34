r"""All sums that inner products of features need, up to the fourth order, as one matrix product.

With :math:`x_i, y_i` the features of sample i on two sides, relative to an origin and in units of a length,

.. math:: M = \sum_i \begin{pmatrix} x_i \\ 1 \\ \lVert x_i \rVert^2 \end{pmatrix}
    \begin{pmatrix} y_i^\top & 1 & \lVert y_i \rVert^2 \end{pmatrix}

holds the cross-covariance, both means, the number of samples, both traces, and how squared lengths go with
features and with each other. Matrices of different samples add up. A change of origin and unit,
:math:`x \to r x + \delta`, is a linear map on the left factor, and another one on the right: moments that
were taken about different origins can be joined, and moved to the mean, exactly.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_symmetry.functional._finite import peak
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional.representation._hsic import KernelSums
from lightning_symmetry.functional.representation._pair import wide
from lightning_symmetry.functional.representation.inner_products import PairSums


class CrossMoments(NamedTuple):
    """The sums M of some samples, and what they are relative to.

    Attributes:
        sums: tensor ``(d_a + 2, d_b + 2)``.
        left: tensor ``(d_a + 1,)``, the origin on the first side, then the unit of length.
        right: tensor ``(d_b + 1,)``, the same on the second side.
    """

    sums: Tensor
    left: Tensor
    right: Tensor

    def merge(self, other: CrossMoments) -> CrossMoments:
        """Join the moments of two sets of samples.

        Args:
            other: moments of the same widths.

        Returns:
            The moments of all samples together, about the origin of the first.
        """
        moved = _carried(other.sums, *_step(other.left, self.left))
        moved = _carried(moved.mT, *_step(other.right, self.right)).mT
        return CrossMoments(self.sums + moved, self.left, self.right)

    def central(self) -> tuple[Tensor, Tensor, Tensor]:
        """Move the origins to the means.

        Returns:
            The sums about the means, and the means on both sides in units of length.
        """
        count = self.sums[-2, -2]
        left, right = self.sums[:-2, -2] / count, self.sums[-2, :-2] / count
        one = torch.ones_like(count)
        central = _carried(_carried(self.sums, -left, one).mT, -right, one).mT
        return central, left + self.left[:-1] / self.left[-1], right + self.right[:-1] / self.right[-1]

    def kernel_sums(self) -> KernelSums:
        """Compute what centred alignment needs of the two linear kernels.

        Returns:
            The sums.
        """
        central, _, _ = self.central()
        return KernelSums(
            central[-2, -2], _square(central[:-2, :-2]), central[-1, -2], central[-2, -1], central[-1, -1]
        )

    def pair_sums(self) -> tuple[PairSums, Tensor, Tensor]:
        r"""Sum inner products over pairs of different samples.

        With :math:`x_i + \mu` for a raw feature, the inner product is :math:`x_i \cdot x_j + a_i + a_j +
        \lVert \mu \rVert^2`, where :math:`a_i = x_i \cdot \mu` and the rows of :math:`x_i \cdot x_j` sum to
        zero.

        Returns:
            The sums without the two constants :math:`\lVert \mu \rVert^2`, and the constants.
        """
        central, mean, other = self.central()
        count, left, right = central[-2, -2], central[-1, -2], central[-2, -1]
        mixed = torch.dot(mean, torch.mv(central[:-2, :-2], other))
        diagonal = (
            central[-1, -1]
            + 2 * torch.dot(central[-1, :-2], other)
            + 2 * torch.dot(central[:-2, -1], mean)
            + 4 * mixed
        )
        product = _square(central[:-2, :-2]) + 2 * count * mixed - diagonal
        sums = PairSums(count * (count - 1), product, -left, -right)
        return sums, mean.square().sum(), other.square().sum()


def frame(rows: Tensor) -> Tensor:
    """Choose an origin and a unit of length for all samples by the first of them.

    Args:
        rows: tensor ``(n, d)``.

    Returns:
        float64 tensor ``(d + 1,)``: the mean, rounded to float32, so that features of all precisions are
        taken relative to the same numbers, and the largest absolute entry.
    """
    mean = rows[0] + (rows - rows[0]).mean(dim=0)
    return wide(torch.cat([mean, peak(rows).flatten()]).float())


def cross_sums(a: Tensor, b: Tensor, left: Tensor, right: Tensor) -> Tensor:
    """Compute the sums M of the same samples on two sides, by one matrix product in their own precision.

    Args:
        a: tensor ``(n, d_a)``.
        b: tensor ``(n, d_b)``.
        left: origin and unit of the first side.
        right: origin and unit of the second side.

    Returns:
        Tensor ``(d_a + 2, d_b + 2)`` of the dtype of the features.
    """
    return inner_products(_augmented(a, left).mT, _augmented(b, right).mT)


def with_constants(sums: PairSums, left: Tensor, right: Tensor) -> PairSums:
    """Add a constant to all inner products of each side.

    Args:
        sums: of the inner products without.
        left: the constant of the first side.
        right: the constant of the second side.

    Returns:
        The sums with the constants.
    """
    pairs, product, one, other = sums
    product = product + right * one + left * other + pairs * left * right
    return PairSums(pairs, product, one + pairs * left, other + pairs * right)


def _augmented(rows: Tensor, relative: Tensor) -> Tensor:
    given = relative.to(rows)
    x = (rows - given[:-1]) / given[-1]
    return torch.cat([x, x.new_ones(len(x), 1), x.square().sum(dim=-1, keepdim=True)], dim=-1)


def _step(old: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    return (old[:-1] - new[:-1]) / new[-1], old[-1] / new[-1]


def _carried(sums: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    body, count, squares = sums[:-2], sums[-2], sums[-1]
    moved = scale * body + torch.outer(shift, count)
    squares = scale.square() * squares + 2 * scale * torch.mv(body.mT, shift) + shift.square().sum() * count
    return torch.cat([moved, count.unsqueeze(0), squares.unsqueeze(0)])


def _square(matrix: Tensor) -> Tensor:
    total: Tensor = matrix.square().sum(dim=-1).sum()
    return total
