"""What metrics of a layer's samples share: its six matrices, of all batches and all processes together."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric

from lightning_symmetry.functional._check import check, check_integer, check_size, check_tensor, check_values
from lightning_symmetry.functional._legs import as_rows
from lightning_symmetry.functional.representation.layer_matrices import LayerMatrices, checked_samples
from lightning_symmetry.functional.representation.moments import Moments, merge_packed, moments
from lightning_symmetry.functional.representation.normalised_samples import normalised_samples
from lightning_symmetry.functional.representation.sketched_alignment import sketched_gram, sketched_samples


class LayerMetric(Metric):
    """What is measured of a linear layer's samples, their gradients and its weights.

    States are float32, of ``metric.set_dtype(torch.float64)`` float64, whatever the samples are. A layer
    takes :math:`2 (k_a + 1)^2 + k_a^2 + 2 (k_b + 1)^2 + k_b^2` numbers a copy, in which a width k is replaced
    by ``limit + 1`` if it is larger. The directions, limit times k numbers, are kept once for all layers of
    that width.

    Args:
        in_features: width of the inputs.
        out_features: width of the outputs.
        copies: leading dimensions of the samples and the weight: ``(groups,)`` for a convolution.
        limit: widths above it are sketched, with as many random directions.
        seed: of the directions.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if a number is no integer, a width or copy is not positive, or ``limit`` is less than 2.
    """

    # Three declarations that torchmetrics reads from the class.
    is_differentiable: bool = False
    higher_is_better: bool | None = None
    full_state_update: bool = False

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        copies: Sequence[int] = (),
        limit: int = 1024,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        check_size(in_features, "in_features")
        check_size(out_features, "out_features")
        check_integer(limit, "limit")
        check(limit >= 2, "limit", "be at least 2", limit)
        check_integer(seed, "seed")
        check(isinstance(copies, Sequence), "copies", "be a sequence of integers", copies)
        for size in copies:
            check_size(size, "copies")
        super().__init__(**kwargs)
        self.in_features, self.out_features, self.copies = in_features, out_features, tuple(copies)
        self.limit, self.seed = limit, seed
        for matrix in LayerMatrices._fields:
            width = in_features if matrix.endswith("_a") else out_features
            size = width if width <= limit + 1 else limit + 1
            if matrix.startswith("z"):
                default = torch.full((*self.copies, size, size), float("nan"))
            else:
                default = torch.zeros(*self.copies, size + 1, size + 1)
            join = _latest if matrix.startswith("z") else merge_packed
            self.add_state(self._state(matrix), default=default, dist_reduce_fx=join)

    def update(
        self,
        inputs: Tensor,
        input_gradients: Tensor,
        outputs: Tensor,
        output_gradients: Tensor,
        weight: Tensor,
        mask: Tensor | None = None,
    ) -> None:
        """Add a batch of samples; of the weights, the latest count.

        Args:
            inputs: h_a, tensor ``(*copies, ..., in_features)``: all dimensions between are samples.
            input_gradients: gradient of the loss with respect to the inputs.
            outputs: h_b, before the activation function, tensor ``(*copies, ..., out_features)``.
            output_gradients: gradient of the loss with respect to the outputs.
            weight: W, tensor ``(*copies, out_features, in_features)``.
            mask: bool tensor ``(...)``, the same for all copies, false for samples that are padding.

        Raises:
            ValueError: if a tensor is not real, or the shapes are not those of the layer.
        """
        first = len(self.copies)
        shape = (*self.copies, self.out_features, self.in_features)
        check_tensor(weight, "weight")
        check_values(weight, "weight")
        check(tuple(weight.shape) == shape, "weight", f"have shape {shape}", tuple(weight.shape))
        flat = self._flat(inputs, "inputs")
        if mask is not None:
            check_tensor(mask, "mask")
            check(mask.shape == inputs.shape[first:-1], "mask", "have one entry a sample", tuple(mask.shape))
            mask = mask.flatten().expand(flat.shape[:-1])
        rows = checked_samples(
            flat,
            self._flat(input_gradients, "input_gradients"),
            self._flat(outputs, "outputs"),
            self._flat(output_gradients, "output_gradients"),
            weight,
        )
        for matrix, samples in zip(("h_a", "g_a", "h_b", "g_b"), rows, strict=True):
            sketch = sketched_samples(self._prepared(samples), self.limit, self.seed)
            packed = moments(sketch, mask).packed()
            before: Tensor = getattr(self, self._state(matrix))
            setattr(self, self._state(matrix), merge_packed(torch.stack([before, packed.to(before)])))
        for matrix, columns in (("z_a", weight), ("z_b", weight.mT)):
            before = getattr(self, self._state(matrix))
            gram = sketched_gram(columns.detach(), self.limit, self.seed)
            setattr(self, self._state(matrix), gram.to(before))

    def matrices(self) -> LayerMatrices:
        """Return the matrices of all samples so far.

        Returns:
            The six matrices, of the sketches where a width is above the limit; NaN before the first update.
        """
        states = {matrix: getattr(self, self._state(matrix)) for matrix in LayerMatrices._fields}
        return LayerMatrices(
            **{
                matrix: state if matrix.startswith("z") else self._matrix(Moments.unpacked(state))
                for matrix, state in states.items()
            }
        )

    def _flat(self, samples: Tensor, name: str) -> Tensor:
        rows, first = as_rows(samples, name).detach(), len(self.copies)
        fits = rows.ndim >= first + 2 and rows.shape[:first] == self.copies
        check(fits, name, f"have shape {(*self.copies, '...', 'features')}", tuple(rows.shape))
        return rows.flatten(start_dim=first, end_dim=-2)

    def _prepared(self, samples: Tensor) -> Tensor:
        return normalised_samples(samples)

    def _matrix(self, of_samples: Moments) -> Tensor:
        return of_samples.covariance()

    def _state(self, matrix: str) -> str:
        # a collection takes states of equal name for one: only metrics that accumulate the same may share it
        layer = (self.in_features, self.out_features, self.copies, self.limit, self.seed)
        return f"{type(self)._prepared.__qualname__}{layer}.{matrix}"


def _latest(weights: Tensor) -> Tensor:
    """The last of several that was ever set: a process without batches has none."""
    kept = weights[0]
    for weight in weights[1:]:
        kept = torch.where(weight.isnan().all(), kept, weight)
    return kept
