"""Metrics of how far Noether charges have moved since the look before."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional import general_linear_drift, scaling_drift
from lightning_symmetry.functional._check import check_numbers
from lightning_symmetry.functional.drift import Drift
from lightning_symmetry.metrics.mechanisms import _ComparingMetric


class _DriftMetric(_ComparingMetric):
    _drift: Callable[..., Drift]

    def __init__(self, powers: Sequence[float], **kwargs: Any) -> None:
        check_numbers(powers, "powers")
        super().__init__(*powers, **kwargs)
        self.powers = tuple(powers)

    def update(self, legs: Sequence[Tensor], kept: float = 1.0) -> None:
        """Measure these weights against those of the previous update.

        Args:
            legs: tensors ``(..., n, k_l)``, one a power.
            kept: the share that weight decay has left of the weights since, the product of 1 − ηλ over the
                steps.

        Raises:
            ValueError: as the function raises it.
        """
        before = self._compared_with()
        shares = [kept if before else 1.0] * len(self.powers)
        drift = type(self)._drift(before or legs, legs, self.powers, shares)
        self._keep(torch.stack([part.mean() for part in drift]))
        self._remember(legs)

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Return the drift at the latest update.

        Returns:
            0-d tensors ``moved``, ``predicted`` and ``unexplained``; NaN before the first update.
        """
        return dict(zip(Drift._fields, super().compute().expand(3), strict=True))


class ScalingDrift(_DriftMetric):
    """How far scaling charges have moved since the look before, and what of it weight decay explains.

    Averaged over all copies. Keeps a copy of the weights of the latest look; until the second one nothing has
    moved. See :func:`~lightning_symmetry.functional.scaling_drift`.

    Args:
        powers: the power of the scale that multiplies each leg, such as 1 for what a unit reads and -1 for
            what it writes.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``powers`` is no sequence of numbers.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import ScalingDrift
        >>> metric = ScalingDrift(powers=[1, -1])
        >>> metric.update([torch.tensor([[3.0]]), torch.tensor([[1.0]])])
        >>> metric.update([torch.tensor([[1.5]]), torch.tensor([[0.5]])], kept=0.5)
        >>> metric.compute()
        {'moved': tensor(0.6000), 'predicted': tensor(0.6000), 'unexplained': tensor(0.)}
    """

    _drift = staticmethod(scaling_drift)


class GeneralLinearDrift(_DriftMetric):
    """How far general linear charges have moved since the look before, and what of it decay explains.

    Averaged over all copies. Keeps a copy of the weights of the latest look; until the second one nothing has
    moved. See :func:`~lightning_symmetry.functional.general_linear_drift`.

    Args:
        powers: 1 for a leg that the group multiplies by g, -1 for one that it multiplies by the inverse
            transpose.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``powers`` is no sequence of numbers.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import GeneralLinearDrift
        >>> metric = GeneralLinearDrift(powers=[1, -1])
        >>> metric.update([2 * torch.eye(2), torch.zeros(2, 1)])
        >>> metric.update([torch.eye(2), torch.zeros(2, 1)])
        >>> metric.compute()
        {'moved': tensor(0.7500), 'predicted': tensor(0.), 'unexplained': tensor(0.7500)}
    """

    _drift = staticmethod(general_linear_drift)
