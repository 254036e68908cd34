"""Metric of neural collapse over a whole data set."""

from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check
from lightning_symmetry.functional.representation.neural_collapse import collapse_of
from lightning_symmetry.metrics.representation._class_moments import ClassMomentsMetric


class NeuralCollapse(ClassMomentsMetric):
    """NC1, NC2 and NC3 of all samples so far, in one pass.

    See :func:`~lightning_symmetry.functional.neural_collapse`. It keeps (K + d)(d + 1) numbers in float64 and
    K d + 1 more for the classifier, however many samples there are. The classifier is averaged over samples,
    as the class means are: that is the classifier itself as long as it does not change. NC4 needs the class
    means of all samples before the first one can be judged: give :attr:`centres`, of this pass or of the
    epoch before, to :class:`NearestCentreDisagreement` in a second pass.

    Args:
        num_classes: K.
        num_features: d.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if a number is less than 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import NeuralCollapse
        >>> metric = NeuralCollapse(num_classes=2, num_features=2)
        >>> labels, weight = torch.tensor([0, 1]), torch.eye(2)
        >>> metric.update(torch.tensor([[2.0, 0.5], [-2.0, 0.5]]), labels, weight)
        >>> metric.update(torch.tensor([[2.0, -0.5], [-2.0, -0.5]]), labels, weight)
        >>> collapse = metric.compute()
        >>> collapse["nc1_trace_ratio"], collapse["nc3"]
        (tensor(0.0625, dtype=torch.float64), tensor(1.0000, dtype=torch.float64))
    """

    classifier: Tensor
    classified: Tensor

    def __init__(self, num_classes: int, num_features: int, **kwargs: Any) -> None:
        super().__init__(num_classes, num_features, **kwargs)
        classifier = torch.zeros(num_classes, num_features, dtype=torch.float64)
        self.add_state("classifier", default=classifier, dist_reduce_fx="sum")
        self.add_state("classified", default=torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")

    def update(self, features: Tensor, labels: Tensor, weight: Tensor | None = None) -> None:
        """Add one batch.

        Args:
            features: tensor ``(n, d)``, what the classifier reads.
            labels: integer tensor ``(n,)``, all less than K; a negative one leaves the sample out.
            weight: the classifier, tensor ``(K, d)``.

        Raises:
            ValueError: if a tensor is not acceptable or does not fit.
        """
        self._add(features, labels)
        if weight is not None:
            shape = (self.num_classes, self.num_features)
            check(tuple(weight.shape) == shape, "weight", f"have shape {shape}", tuple(weight.shape))
            self.classifier = self.classifier + len(features) * weight.detach().to(self.classifier)
            self.classified = self.classified + len(features)

    def compute(self) -> dict[str, Tensor]:
        """Compute the signs of neural collapse.

        Returns:
            float64 scalars by the names of the function's results, all but ``nc4``;
            NaN where they are in the function, and for the classifier if none was given.
        """
        found = collapse_of(self._so_far(), self.classifier / self.classified)
        return {name: value for name, value in found._asdict().items() if name != "nc4"}
