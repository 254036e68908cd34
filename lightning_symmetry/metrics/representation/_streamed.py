"""What all metrics of two representations share, and how those that need moments only keep them."""

import functools
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional._check import check, check_tensor, check_values
from lightning_symmetry.functional.representation._cross_moments import CrossMoments, cross_sums, frame
from lightning_symmetry.functional.representation._pair import as_pair, wide
from lightning_symmetry.metrics.representation._records import read, write


class PairMetric(Metric):
    """A number for two representations of the same samples, of all batches on all processes together."""

    # Three declarations that torchmetrics reads from the class.
    is_differentiable: bool = False
    higher_is_better: bool | None = None
    full_state_update: bool = False

    plot_lower_bound: float | None = 0.0
    plot_upper_bound: float | None = 1.0

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._widths = (0, 0)
        # A process without data joins with an empty state of this type, which has to be that of the others.
        self.set_dtype(torch.float64)

    def plot(
        self, val: Tensor | Sequence[Tensor] | None = None, ax: _AX_TYPE | None = None
    ) -> _PLOT_OUT_TYPE:
        """Plot one value or a series of values.

        Args:
            val: what ``compute`` or ``forward`` returned, or a sequence of those; by default that so
                far.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis.
        """
        return self._plot(val, ax)

    def _check_widths(self, a: Tensor, b: Tensor, before: bool) -> None:
        widths = a.shape[-1], b.shape[-1]
        if before and widths != self._widths:
            raise ValueError(
                f"`a` and `b` must be as wide as in the batches before, {self._widths}, got {widths}"
            )
        self._widths = widths

    def _nan(self) -> Tensor:
        return torch.tensor(math.nan, device=self.device)


class MomentMetric(PairMetric):
    r"""A number that moments of the features give exactly, however many samples there are.

    A state is a :class:`CrossMoments` of two sides, written as one matrix: its sums, bordered by the origin
    and the unit of the first side in the last column and those of the second in the last row.
    """

    SIDES: ClassVar[dict[str, tuple[int, int]]] = {
        "moments_ab": (0, 1),
        "moments_aa": (0, 0),
        "moments_bb": (1, 1),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for name in self.SIDES:
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add a batch.

        Args:
            a: tensor ``(n, d_a)``, one sample a row.
            b: tensor ``(n, d_b)``, the same samples.

        Raises:
            ValueError: if one is not real and floating-point with two dimensions, if the two do not hold the
                same number of samples, or if a width is not that of the batches before.
        """
        sides = as_batch(a, b)
        self._check_widths(*sides, before=any(getattr(self, name) for name in self.SIDES))
        for name, (one, other) in self.SIDES.items():
            self._add(name, sides[one], sides[other])

    def _add(self, name: str, a: Tensor, b: Tensor) -> None:
        state: list[Tensor] = getattr(self, name)
        shape = (a.shape[-1] + 3, b.shape[-1] + 3)
        if len(state) > 1:
            state = [write(_bordered(_joined(read(state))))]
        if not state:
            left = frame(a)
            right = left if b is a else frame(b)
            moments = CrossMoments(wide(cross_sums(a, b, left, right)), left, right)
            setattr(self, name, [write(_bordered(moments))])
            return
        # What was made in inference mode cannot be changed outside of it.
        total = state[0].clone() if state[0].is_inference() else state[0]
        stored = _unbordered(total[2:].view(shape))
        stored.sums.add_(cross_sums(a, b, stored.left, stored.right))  # in one pass, whatever their dtypes
        setattr(self, name, [total])

    def _moments(self) -> list[CrossMoments]:
        """The moments so far, in the order of ``SIDES``; nothing before the first update."""
        found = [read(getattr(self, name)) for name in self.SIDES]
        return [_joined(matrices) for matrices in found if matrices]


def as_batch(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Check the features of a batch on two sides.

    Args:
        a: tensor ``(n, d_a)``, one sample a row.
        b: tensor ``(n, d_b)``.

    Returns:
        Both in float32 or better, without their graphs.

    Raises:
        ValueError: if one is not real and floating-point with two dimensions, or if the two do not hold the
            same number of samples.
    """
    for name, side in (("a", a), ("b", b)):
        check_tensor(side, name)
        check_values(side, name)
        check(side.ndim == 2, name, "have shape (n, d)", tuple(side.shape))
    one, other = as_pair(a.detach(), b.detach())
    dtype = torch.promote_types(one.dtype, other.dtype)
    return one.to(dtype), other.to(dtype)


def _bordered(moments: CrossMoments) -> Tensor:
    sums, left, right = moments
    matrix = sums.new_zeros(sums.shape[0] + 1, sums.shape[1] + 1)
    matrix[:-1, :-1] = sums
    matrix[:-2, -1] = left
    matrix[-1, :-2] = right
    return matrix


def _unbordered(matrix: Tensor) -> CrossMoments:
    return CrossMoments(matrix[:-1, :-1], matrix[:-2, -1], matrix[-1, :-2])


def _joined(matrices: Sequence[Tensor]) -> CrossMoments:
    return functools.reduce(CrossMoments.merge, map(_unbordered, matrices))
