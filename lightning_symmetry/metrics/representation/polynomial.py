"""Metric of the polynomial alignment hypothesis."""

from typing import Any

from torch import Tensor
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional import canonical_exponents
from lightning_symmetry.functional.representation.canonical import CanonicalAlignments
from lightning_symmetry.functional.representation.layer_matrices import LayerMatrices
from lightning_symmetry.metrics.representation._layer import LayerMetric

_NUMBERS = ("exponent", "low", "high", "r_squared")


class PolynomialAlignment(LayerMetric):
    """Power laws between the six matrices of a linear layer, averaged over all copies.

    See :func:`~lightning_symmetry.functional.canonical_exponents`. Widths above the limit are fitted on their
    sketch, which keeps eigenvalues as long as many fewer than ``limit`` directions matter.

    Args:
        in_features: width of the inputs.
        out_features: width of the outputs.
        confidence: of the intervals, between 0 and 1.
        kwargs: ``copies``, ``limit`` and ``seed`` as for
            :class:`~lightning_symmetry.metrics.CanonicalAlignment`, the rest passed on to
            :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if a width is not positive or ``limit`` less than 2.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import PolynomialAlignment
        >>> metric = PolynomialAlignment(in_features=4, out_features=4)
        >>> samples = torch.randn(64, 4, generator=torch.Generator().manual_seed(0))
        >>> metric.update(samples, samples, samples, samples, torch.eye(4))
        >>> metric.compute()["forward_hg_exponent"]
        tensor(1.)
    """

    def __init__(self, in_features: int, out_features: int, confidence: float = 0.95, **kwargs: Any) -> None:
        super().__init__(in_features, out_features, **kwargs)
        self.confidence = confidence

    def compute(self) -> dict[str, Tensor]:
        """Fit the power laws of all samples so far.

        Returns:
            0-d tensors ``<relation>_exponent``, ``_low``, ``_high`` and ``_r_squared`` for each relation of
            :class:`~lightning_symmetry.functional.CanonicalAlignments`; NaN before the first update.
        """
        matrices = self.matrices()
        widths = [self.in_features] * 3 + [self.out_features] * 3
        # the last row and column of a sketch are not a direction, but the sum of all features
        pairs = zip(matrices, widths, strict=True)
        plain = LayerMatrices(*(m if m.shape[-1] == width else m[..., :-1, :-1] for m, width in pairs))
        laws = canonical_exponents(plain, self.confidence)
        return {
            f"{relation}_{number}": getattr(law, number).mean()
            for relation, law in laws.items()
            for number in _NUMBERS
        }

    def plot(self, val: dict[str, Tensor] | None = None, ax: _AX_TYPE | None = None) -> _PLOT_OUT_TYPE:
        """Plot the six exponents with their confidence intervals.

        Args:
            val: what ``compute`` or ``forward`` returned, by default the present values.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis; no figure if an axis was given.
        """
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots() if ax is None else (None, ax)
        values = self.compute() if val is None else val
        relations = [r for r in CanonicalAlignments._fields if values[f"{r}_exponent"].isfinite()]
        middle, low, high = ([float(values[f"{r}_{n}"]) for r in relations] for n in _NUMBERS[:3])
        below = [m - end for m, end in zip(middle, low, strict=True)]
        above = [end - m for m, end in zip(middle, high, strict=True)]
        ax.errorbar(middle, relations, xerr=[below, above], fmt="o", capsize=3)
        ax.axvline(1, linestyle="--", color="grey")
        ax.set_xlabel("Exponent")
        return figure, ax
