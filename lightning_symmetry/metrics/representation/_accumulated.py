"""What metrics of features share: they add up over batches and processes, and draw numbers."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional._check import check, check_tensor, check_values


class AccumulatedMetric(Metric):
    """Numbers of all samples since the last reset, whichever batch and process they came in.

    States are float64 whatever the features are. On MPS, which has no float64, keep the metric on the CPU:
    features are brought to where the metric is.
    """

    # Three declarations that torchmetrics reads from the class.
    is_differentiable: bool = False
    higher_is_better: bool | None = None
    full_state_update: bool = False

    plot_lower_bound: float | None = 0.0

    def plot(self, val: Any = None, ax: _AX_TYPE | None = None) -> _PLOT_OUT_TYPE:
        """Plot one value or a series of values.

        Args:
            val: what ``compute`` or ``forward`` returned, or a sequence of those; by default the value so
                far.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis.
        """
        return self._plot(val, ax)


def check_samples(features: Tensor, num_features: int) -> None:
    """Refuse features that are no rows of the size that was announced.

    Args:
        features: what should be a tensor ``(n, num_features)``.
        num_features: d.

    Raises:
        ValueError: if they have another shape.
    """
    check_tensor(features, "features")
    check_values(features, "features")
    shape: Sequence[int] = tuple(features.shape)
    check(len(shape) == 2 and shape[1] == num_features, "features", f"have shape (n, {num_features})", shape)
