"""Metric of how well classes can be told apart, over a whole data set."""

from torch import Tensor

from lightning_symmetry.functional.representation.separability import separation_of
from lightning_symmetry.metrics.representation._class_moments import ClassMomentsMetric


class Separability(ClassMomentsMetric):
    """Fisher's ratio and the discriminant ratio of all samples so far, in one pass.

    See :func:`~lightning_symmetry.functional.separability`. It keeps (K + d)(d + 1) numbers in float64. The
    leave-one-out accuracy needs the class means of all samples before the first one can be judged: give
    :attr:`centres` and :attr:`counts` to :class:`NearestCentreAccuracy` in a second pass.

    Args:
        num_classes: K.
        num_features: d.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if a number is less than 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import Separability
        >>> metric = Separability(num_classes=2, num_features=2)
        >>> metric.update(torch.tensor([[0.0, 1.0], [1.0, 1.0]]), torch.tensor([0, 1]))
        >>> metric.update(torch.tensor([[0.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 1]))
        >>> {name: ratio.item() for name, ratio in metric.compute().items()}
        {'fisher_ratio': 0.5, 'discriminant_ratio': 1.0}
    """

    plot_upper_bound: float = 1.0

    def update(self, features: Tensor, labels: Tensor) -> None:
        """Add one batch.

        Args:
            features: tensor ``(n, d)``.
            labels: integer tensor ``(n,)``, all less than K; a negative one leaves the sample out.

        Raises:
            ValueError: if a tensor is not acceptable or does not fit.
        """
        self._add(features, labels)

    def compute(self) -> dict[str, Tensor]:
        """Compute both ratios.

        Returns:
            float64 scalars ``fisher_ratio`` and ``discriminant_ratio``, NaN for less than two classes.
        """
        fisher, discriminant = separation_of(self._so_far())
        return {"fisher_ratio": fisher, "discriminant_ratio": discriminant}
