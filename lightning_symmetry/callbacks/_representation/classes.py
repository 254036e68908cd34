"""What tells the classes apart: the features that the classifier reads, and its decisions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ...functional import random_projection
from ...metrics import NearestCentreAccuracy, NearestCentreDisagreement, NeuralCollapse, Separability
from .batch import Batch
from .processes import Processes
from .samples import Sampler
from .split import has_all_rows

MOST_CLASSES = 4096
"""Outputs above which a layer is taken for a vocabulary, whose words are no classes that could collapse."""


@dataclass
class ClassSamples:
    """Samples of one batch.

    Attributes:
        layer: Name of the classifier.
        features: What it read, ``(n, d)``.
        labels: Classes, ``(n,)``.
        outputs: What it wrote, ``(n, classes)``.
    """

    layer: str
    features: Tensor
    labels: Tensor
    outputs: Tensor

    @staticmethod
    @torch.no_grad()
    def of(layer: str, read: Tensor, written: Tensor, batch: Batch, sampler: Sampler) -> ClassSamples | None:
        """Take samples if a layer may be the classifier: it has outputs for each label, more than any.

        Args:
            layer: Its name.
            read: Its inputs.
            written: Its outputs.
            batch: Knows the classes.
            sampler: Chooses samples.

        Returns:
            The samples; None if the layer cannot be the classifier.
        """
        labels, classes = batch.labels, written.shape[-1]
        if labels is None or written.shape[:-1] != labels.shape or not labels.numel():
            return None
        if not (has_all_rows(read) and has_all_rows(written)):
            return None
        if not 2 <= classes <= MOST_CLASSES or batch.largest_label >= classes:
            return None
        # labels are thinned along with what they belong to
        known = sampler.rows(labels.double().unsqueeze(-1)).long().squeeze(-1)
        return ClassSamples(layer, sampler.rows(read), known, sampler.rows(written))

    @property
    def classes(self) -> int:
        """How many outputs there are."""
        return self.outputs.shape[-1]

    @property
    def decisions(self) -> Tensor:
        """The class of the largest output, ``(n,)``; as negative as its label."""
        return torch.where(self.labels < 0, self.labels, self.outputs.argmax(dim=-1))

    def join(self, whole: Callable[[Tensor], Tensor]) -> None:
        """Put samples together that are split.

        Args:
            whole: What does it, in all processes.
        """
        self.features, self.outputs = whole(self.features), whole(self.outputs)


def class_values(
    batches: Sequence[ClassSamples], weight: Tensor | None, classes: int, width: int, processes: Processes
) -> dict[str, Tensor]:
    """Measure neural collapse and separability in two passes over the samples of a look.

    Args:
        batches: The samples of this process.
        weight: That of the classifier, if there is one to compare with.
        classes: K.
        width: Directions onto which wider features and weights are projected.
        processes: Join what they have seen.

    Returns:
        Scalars by quantity; NaN where a quantity is not defined.
    """
    batches = [b for b in batches if b.classes == classes]
    features = [random_projection(b.features, width) for b in batches]
    readers = None if weight is None else random_projection(weight, width)
    size = processes.agreed(features[0].shape[-1] if features else None)
    device = processes.device

    def metric(kind: Any, *sizes: int) -> Any:
        return kind(*sizes, sync_on_compute=processes.join).to(device)

    collapse, separation = metric(NeuralCollapse, classes, size), metric(Separability, classes, size)
    for rows, batch in zip(features, batches, strict=True):
        collapse.update(rows, batch.labels, readers)
        separation.update(rows, batch.labels)
    with processes.joined(collapse):
        centres, counts = collapse.centres, collapse.counts
    disagreement, accuracy = metric(NearestCentreDisagreement), metric(NearestCentreAccuracy)
    for rows, batch in zip(features, batches, strict=True):
        disagreement.update(rows, batch.decisions, centres)
        accuracy.update(rows, batch.labels, centres, counts)
    values = processes.computed(collapse) | processes.computed(separation)
    values |= {
        "nc4": processes.computed(disagreement),
        "nearest_centre_accuracy": processes.computed(accuracy),
    }
    several = (counts > 0).sum() > 1
    return {name: torch.where(several, value, torch.nan) for name, value in values.items()}
