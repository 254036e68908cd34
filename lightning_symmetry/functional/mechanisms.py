r"""How two consecutive layers learn features: by alignment, by disalignment or by rescaling.

Xu & Ziyin, "Three Mechanisms of Feature Learning in a Linear Network", arXiv 2401.07085, define the three for
one input and one output. Here A are the writers and B the readers of one index space, with any number of
columns, and :math:`B^\top A` is their product. In the kernel phase none of the three takes place.

The growth of the product is invariant under every invertible matrix that acts on the units. The split is so
under orthogonal matrices only, permutations and signs included: rescalings and the general linear group move
norm between the layers, so two parametrisations of one function may learn by different mechanisms.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor

from lightning_symmetry.functional._finite import finite_or_nan, ratio, rescaled
from lightning_symmetry.functional._gram import inner_products
from lightning_symmetry.functional._legs import as_legs
from lightning_symmetry.functional._norm import frobenius_norm
from lightning_symmetry.functional.charge import _sides


class GrowthSplit(NamedTuple):
    """Growth of a product between two looks, in natural logarithms, and what it is the sum of."""

    growth: Tensor
    rescaling: Tensor
    alignment: Tensor


def alignment(writers: Tensor, readers: Tensor) -> Tensor:
    r"""Compute what share of the size of two consecutive layers reaches their product.

    .. math:: \frac{\lVert B^\top A \rVert_F}{\lVert A \rVert_F \lVert B \rVert_F} \in [0, 1]

    For one input and one output it is :math:`|\cos\angle(u, w)|` of arXiv 2401.07085. It is 1 if and only if
    both layers have rank one and share their direction among the units, and 0 if and only if the readers
    ignore all that is written. Two unrelated layers have :math:`1/\sqrt n` at random, and two equal ones that
    use r directions evenly :math:`1/\sqrt r`: concentrating on fewer directions counts as aligning, since it
    makes the product grow at constant weight norms. The nuclear norm would give 1 at every rank; it needs a
    decomposition and answers another question, how well a rotation matches the two, which
    :func:`~lightning_symmetry.functional.general_linear_imbalance` also answers.

    Invariant under orthogonal matrices on the units (permutations and signs included), on the inputs and on
    the outputs, and under the scale of each layer as a whole; not under the scale of single units or the
    general linear group, which move norm between layers and leave the product alone.

    Args:
        writers: A, tensor ``(..., n, k)``, one coordinate of the space a row.
        readers: B, tensor ``(..., n, k')``; for :math:`y = W_2 W_1 x`, ``W_1`` and ``W_2.mT``.

    Returns:
        Tensor of shape ``...``, float32 or better; 0 where a layer is zero.

    Raises:
        ValueError: if the two do not agree in all dimensions but the last.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import alignment
        >>> alignment(torch.tensor([[1.0], [0.0]]), torch.tensor([[3.0], [4.0]]))
        tensor(0.6000)
    """
    written, read = (rescaled([side])[0] for side in _sides(writers, readers))
    whole = frobenius_norm(written) * frobenius_norm(read)
    return ratio(frobenius_norm(inner_products(read.mT, written.mT)), whole)


def mechanisms(before: Sequence[Tensor], after: Sequence[Tensor]) -> GrowthSplit:
    r"""Split the growth of two layers' product between two looks into rescaling and alignment.

    .. math:: \Delta \log \lVert B^\top A \rVert_F
        = \Delta \log \bigl(\lVert A \rVert_F \lVert B \rVert_F\bigr)
        + \Delta \log \frac{\lVert B^\top A \rVert_F}{\lVert A \rVert_F \lVert B \rVert_F}

    The last term is alignment where it is positive and disalignment where it is negative (arXiv 2401.07085).
    The sum is exact, and consecutive splits add up.

    Args:
        before: writers ``(..., n, k)`` and readers ``(..., n, k')`` at the first look.
        after: the same at the second.

    Returns:
        Three tensors of shape ``...``, float32 or better: growth, rescaling, alignment. All are NaN where a
        product is zero at one of the looks, since no finite numbers add up then.

    Raises:
        ValueError: if a look is not two fitting tensors, or the shapes of the looks differ.

    Example:
        >>> import torch
        >>> from lightning_symmetry.functional import mechanisms
        >>> ahead, aside = torch.tensor([[1.0], [0.0]]), torch.tensor([[3.0], [4.0]])
        >>> mechanisms([ahead, aside], [ahead, 10 * ahead])
        GrowthSplit(growth=tensor(1.2040), rescaling=tensor(0.6931), alignment=tensor(0.5108))
    """
    earlier, later = as_looks(before, after)
    # A common divisor for both looks: it leaves differences of logarithms alone.
    written, read = (rescaled(pair) for pair in zip(earlier, later, strict=True))
    rescaling = _log_ratio(*map(frobenius_norm, written)) + _log_ratio(*map(frobenius_norm, read))
    aligning = _log_ratio(alignment(*earlier), alignment(*later))
    growth = finite_or_nan(rescaling + aligning)
    broken = growth.isnan()
    return GrowthSplit(growth, *(part.masked_fill(broken, math.nan) for part in (rescaling, aligning)))


def as_looks(before: Sequence[Tensor], after: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Check and promote two looks at the same two layers.

    Args:
        before: writers ``(..., n, k)`` and readers ``(..., n, k')``.
        after: the same, of the same shapes.

    Returns:
        Both looks in float32 or float64.

    Raises:
        ValueError: if a look is not two fitting tensors, or the shapes of the looks differ.
    """
    looks = as_legs(before, "before"), as_legs(after, "after")
    for name, look in zip(("before", "after"), looks, strict=True):
        if len(look) != 2:
            raise ValueError(f"`{name}` must hold two tensors, writers and readers, got {len(look)}")
    shapes = [[tuple(leg.shape) for leg in look] for look in looks]
    if shapes[0] != shapes[1]:
        raise ValueError(f"`after` must have the shapes of `before`, got {shapes[1]} for {shapes[0]}")
    return looks


def _log_ratio(old: Tensor, new: Tensor) -> Tensor:
    return new.log() - old.log()
