"""What all metrics of weights share: they hold the value of the latest look."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE


class LatestMetric(Metric):
    """A number that describes weights, not batches: every update replaces it.

    Weights are replicated, so every process already holds the value: nothing is synchronised, and a sum over
    two processes would double it. The state's name carries the class and its configuration, because
    ``MetricCollection`` lets metrics share one state as soon as names and first values coincide, and reports
    wrong values from then on.
    """

    # Three declarations that torchmetrics reads from the class.
    is_differentiable: bool = True
    higher_is_better: bool | None = None
    full_state_update: bool = False

    plot_lower_bound: float | None = 0.0

    def __init__(self, *configuration: Any, **kwargs: Any) -> None:
        super().__init__(**{"sync_on_compute": False, **kwargs})
        self._state_name = f"{type(self).__name__}{configuration}"
        self.add_state(self._state_name, default=torch.tensor(float("nan")), dist_reduce_fx=_latest)

    def _keep(self, value: Tensor) -> None:
        setattr(self, self._state_name, value)

    def compute(self) -> Tensor:
        """Return the value at the latest update.

        Returns:
            0-d tensor; NaN before the first update.
        """
        value: Tensor = getattr(self, self._state_name)
        return value

    def plot(
        self, val: Tensor | Sequence[Tensor] | None = None, ax: _AX_TYPE | None = None
    ) -> _PLOT_OUT_TYPE:
        """Plot one value or a series of values.

        Args:
            val: what ``compute`` or ``forward`` returned, or a sequence of those; by default the latest
                value.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis.
        """
        return self._plot(val, ax)


def _latest(values: Tensor) -> Tensor:
    # `forward` joins a batch with what came before by reducing the two states, stacked, the older one first.
    return values[-1]
