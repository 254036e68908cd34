"""Metric of the rank of features over depth."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional._check import check, check_size
from lightning_symmetry.functional.representation.depth_profile import Segment, depth_profile
from lightning_symmetry.functional.representation.feature_ranks import feature_ranks_of
from lightning_symmetry.functional.representation.moments import Moments, merge_packed
from lightning_symmetry.metrics.representation._accumulated import AccumulatedMetric
from lightning_symmetry.metrics.representation._feature_moments import empty_moments, with_batch

_COLOURS = {"expansion": "tab:green", "transmission": "tab:gray", "reduction": "tab:red"}


class DepthProfile(AccumulatedMetric):
    """Effective rank of the features of every layer, and where over depth it rises, falls and stays.

    See :func:`~lightning_symmetry.functional.feature_ranks` and
    :func:`~lightning_symmetry.functional.depth_profile`. It keeps Σ (d_l + 1)² numbers in float64.

    Args:
        num_features: number of features of every layer, by name, in the order of depth.
        threshold: relative change of the rank that counts as one, more than 0.
        noise: relative standard error of a rank.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if there is no layer, a size is less than 1, ``threshold`` is not positive, or ``noise``
            negative.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import DepthProfile
        >>> metric = DepthProfile({"first": 1, "second": 2})
        >>> metric.update({"first": torch.tensor([[1.0]]), "second": torch.tensor([[1.0, 0.0]])})
        >>> metric.update({"first": torch.tensor([[-1.0]]), "second": torch.tensor([[-1.0, 0.0]])})
        >>> metric.update({"first": torch.zeros(2, 1), "second": torch.tensor([[0.0, 1.0], [0.0, -1.0]])})
        >>> metric.compute()
        {'first': tensor(1., dtype=torch.float64), 'second': tensor(2., dtype=torch.float64)}
        >>> metric.segments()
        [Segment(phase='expansion', first=0, last=1, change=2.0)]
    """

    def __init__(
        self, num_features: Mapping[str, int], threshold: float = 0.1, noise: float = 0.0, **kwargs: Any
    ) -> None:
        check(isinstance(num_features, Mapping), "num_features", "be a mapping", type(num_features).__name__)
        check(len(num_features) > 0, "num_features", "name at least one layer", num_features)
        depth_profile([], threshold, noise)  # refuses what it cannot use
        super().__init__(**kwargs)
        self.num_features = dict(num_features)
        self.threshold = threshold
        self.noise = noise
        # Numbers, because a state has to be an identifier and the name of a layer need not be one.
        self._states = {name: f"moments_{index}" for index, name in enumerate(num_features)}
        for name, size in num_features.items():
            check_size(size, f"num_features[{name!r}]")
            self.add_state(self._states[name], default=empty_moments(size), dist_reduce_fx=merge_packed)

    def update(self, features: Mapping[str, Tensor]) -> None:
        """Add one batch.

        Args:
            features: tensor ``(n, d_l)`` of every layer that ran, by name; the numbers of samples may differ.

        Raises:
            ValueError: if a name is unknown, or features are not floating-point of the announced shape.
        """
        check(isinstance(features, Mapping), "features", "be a mapping", type(features).__name__)
        for name, samples in features.items():
            check(name in self._states, "features", f"name layers of {list(self._states)}", name)
            state = self._states[name]
            setattr(self, state, with_batch(getattr(self, state), samples))

    def compute(self) -> dict[str, Tensor]:
        """Compute the effective rank of the features of every layer.

        Returns:
            float64 scalars by layer; NaN for a layer that has not run.
        """
        return {name: self._rank(state) for name, state in self._states.items()}

    def segments(self, val: Mapping[str, Tensor] | None = None) -> list[Segment]:
        """Locate the phases of the layers that have run.

        Args:
            val: what ``compute`` or ``forward`` returned; by default the ranks so far.

        Returns:
            Segments, whose layers count only those with a known rank.
        """
        ranks = _known(self.compute() if val is None else val)
        return depth_profile(list(ranks.values()), self.threshold, self.noise)

    def plot(self, val: Mapping[str, Tensor] | None = None, ax: _AX_TYPE | None = None) -> _PLOT_OUT_TYPE:
        """Plot the rank over depth, with the phases behind it.

        Args:
            val: what ``compute`` or ``forward`` returned; by default the ranks so far.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis; no figure if an axis was given.
        """
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots() if ax is None else (None, ax)
        ranks = _known(self.compute() if val is None else val)
        ax.plot(range(len(ranks)), list(ranks.values()), marker="o", color="black")
        labelled: set[str] = set()
        for phase, first, last, _ in depth_profile(list(ranks.values()), self.threshold, self.noise):
            label = None if phase in labelled else phase
            ax.axvspan(first, last, alpha=0.2, color=_COLOURS[phase], label=label)
            labelled.add(phase)
        ax.set_xticks(range(len(ranks)), list(ranks), rotation=90)
        ax.set_ylabel("Effective rank of features")
        if labelled:
            ax.legend()
        return figure, ax

    def _rank(self, state: str) -> Tensor:
        moments = Moments.unpacked(getattr(self, state))
        return torch.where(moments.total == 0, torch.nan, feature_ranks_of(moments).effective_rank)


def _known(ranks: Mapping[str, Tensor]) -> dict[str, float]:
    values = torch.stack(list(ranks.values())).tolist()  # one transfer for all layers
    return {name: value for name, value in zip(ranks, values, strict=True) if value == value}
