"""Metric that warns of a collapse."""

import math
from collections import deque
from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional import collapse_risk
from lightning_symmetry.functional._check import check, check_integer, check_number, check_tensor
from lightning_symmetry.metrics._latest import LatestMetric


class CollapseRisk(LatestMetric):
    """Largest share of any order parameter that is about to be lost, from a window of the latest looks.

    See :func:`~lightning_symmetry.functional.collapse_risk`. It is 0 until the window is full, and takes the
    memory of one window.

    Args:
        window: number of looks, at least five. In 16 looks noise without a trend gives more than 0.5 in
            7 of 10 000 windows.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``window`` is less than five.

    Attributes:
        each: the risk of every order parameter at the latest update, as they were given.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import CollapseRisk
        >>> metric = CollapseRisk(window=6)
        >>> for step, value in enumerate([1.0, 0.99, 0.95, 0.85, 0.65, 0.35]):
        ...     metric.update(step, torch.tensor([value, 1.0]))
        >>> metric.compute()
        tensor(0.9886, dtype=torch.float64)
    """

    is_differentiable = False

    def __init__(self, window: int = 16, **kwargs: Any) -> None:
        check_integer(window, "window")
        check(window >= 5, "window", "be at least 5", window)
        super().__init__(window, **kwargs)
        self.window = window
        self._steps: deque[int] = deque(maxlen=window)
        self._looks: deque[Tensor] = deque(maxlen=window)
        self.each = torch.zeros(0)

    def update(self, step: int, order_parameters: Tensor) -> None:
        """Add one look.

        Args:
            step: the step of the look, larger than the one before.
            order_parameters: tensor of positive numbers, the same shape each time.

        Raises:
            ValueError: if ``step`` is no number larger than the one before, or ``order_parameters`` no
                real tensor of the same shape as before.
        """
        check_number(step, "step")
        check(not self._steps or step > self._steps[-1], "step", "be larger than the one before", step)
        check_tensor(order_parameters, "order_parameters")
        shape = self._looks[-1].shape if self._looks else order_parameters.shape
        fits = order_parameters.shape == shape and not order_parameters.is_complex()
        check(fits, "order_parameters", f"be real of shape {tuple(shape)}", order_parameters)
        self._steps.append(step)
        self._looks.append(order_parameters.detach())
        if len(self._looks) < self.window:
            self.each = torch.zeros_like(order_parameters, dtype=torch.float64)
        else:
            self.each = collapse_risk(list(self._steps), torch.stack(list(self._looks), dim=-1))
        known = torch.where(self.each.isnan(), -math.inf, self.each)
        highest = known.amax() if known.numel() else known.new_zeros(())
        self._keep(torch.where(highest < 0, math.nan, highest))

    def reset(self) -> None:
        """Forget all looks."""
        super().reset()
        self._steps.clear()
        self._looks.clear()
