"""Metrics of the canonical representation hypothesis, of all batches and all processes together."""

from collections.abc import Callable, Sequence
from functools import partial

from torch import Tensor
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional.representation.canonical import CanonicalAlignments, each_relation
from lightning_symmetry.functional.representation.layer_matrices import LayerMatrices
from lightning_symmetry.functional.representation.moments import Moments
from lightning_symmetry.functional.representation.sketched_alignment import (
    sketched_alignment,
    sketched_shuffled_alignment,
)
from lightning_symmetry.metrics.representation._layer import LayerMetric


class CanonicalAlignment(LayerMetric):
    """Six alignments of a linear layer and the baseline of each, averaged over all copies.

    See :func:`~lightning_symmetry.functional.canonical_alignments` and
    :func:`~lightning_symmetry.functional.shuffled_canonical_alignments`; samples are normalised and centred.

    Args:
        in_features: width of the inputs.
        out_features: width of the outputs.
        copies: leading dimensions of the samples and the weight: ``(groups,)`` for a convolution.
        limit: widths above it are sketched, with as many random directions; see
            :func:`~lightning_symmetry.functional.sketched_alignment` for the error.
        seed: of the directions.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if a width is not positive or ``limit`` less than 2.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import CanonicalAlignment
        >>> metric = CanonicalAlignment(in_features=3, out_features=2)
        >>> layer = torch.nn.Linear(3, 2)
        >>> for seed in range(4):
        ...     inputs = torch.randn(8, 3, generator=torch.Generator().manual_seed(seed)).requires_grad_()
        ...     outputs = layer(inputs)
        ...     gradients = torch.autograd.grad(outputs.square().sum(), [inputs, outputs])
        ...     metric.update(inputs, gradients[0], outputs, gradients[1], layer.weight)
        >>> metric.compute()["forward_hg"].round(decimals=3)
        tensor(1.)
    """

    plot_upper_bound: float = 1.0

    def compute(self) -> dict[str, Tensor]:
        """Return the alignments of all samples so far.

        Returns:
            0-d tensors under the names of :class:`~lightning_symmetry.functional.CanonicalAlignments`, and
            their baselines under these names with ``_shuffled``; NaN before the first update.
        """
        matrices = self.matrices()
        values = self._each(sketched_alignment, matrices)
        baselines = self._each(sketched_shuffled_alignment, matrices)
        return values | {f"{relation}_shuffled": value for relation, value in baselines.items()}

    def _each(self, measure: Callable[..., Tensor], matrices: LayerMatrices) -> dict[str, Tensor]:
        forward, backward = (partial(measure, width=width) for width in (self.out_features, self.in_features))
        values = each_relation(forward, backward, matrices)
        return {r: value.mean() for r, value in zip(CanonicalAlignments._fields, values, strict=True)}

    def plot(
        self, val: dict[str, Tensor] | Sequence[dict[str, Tensor]] | None = None, ax: _AX_TYPE | None = None
    ) -> _PLOT_OUT_TYPE:
        """Plot the alignments and their baselines, once or as series.

        Args:
            val: what ``compute`` or ``forward`` returned, or a sequence of those; by default the present
                values.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis.
        """
        return self._plot(val, ax)


class RawCanonicalAlignment(CanonicalAlignment):
    """Six alignments of a linear layer from raw moments, as the theory has them, averaged over all copies.

    See :func:`~lightning_symmetry.functional.raw_layer_matrices`. Gradients have to be those of the same
    function of a sample in every batch: a mean over batches of different sizes weighs them differently.

    Args:
        in_features: as for :class:`CanonicalAlignment`.
        out_features: as for :class:`CanonicalAlignment`.
        copies: as for :class:`CanonicalAlignment`.
        limit: as for :class:`CanonicalAlignment`.
        seed: as for :class:`CanonicalAlignment`.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if a width is not positive or ``limit`` less than 2.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import RawCanonicalAlignment
        >>> metric = RawCanonicalAlignment(in_features=2, out_features=2)
        >>> samples = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        >>> metric.update(samples, samples, samples, samples, torch.eye(2))
        >>> metric.compute()["forward_hz"]
        tensor(0.7625)
    """

    def _prepared(self, samples: Tensor) -> Tensor:
        return samples

    def _matrix(self, of_samples: Moments) -> Tensor:
        return of_samples.second_moment()
