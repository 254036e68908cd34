"""Metrics of how two consecutive layers learn features."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional import alignment, feature_learning, mechanisms
from lightning_symmetry.functional._check import check_numbers
from lightning_symmetry.functional.mechanisms import GrowthSplit
from lightning_symmetry.metrics._latest import LatestMetric


class Alignment(LatestMetric):
    """Share of the size of two consecutive layers that reaches their product, averaged over all copies.

    See :func:`~lightning_symmetry.functional.alignment`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import Alignment
        >>> metric = Alignment()
        >>> metric.update(torch.tensor([[1.0], [0.0]]), torch.tensor([[3.0], [4.0]]))
        >>> metric.compute()
        tensor(0.6000)
    """

    plot_upper_bound: float = 1.0

    def update(self, writers: Tensor, readers: Tensor) -> None:
        """Measure these weights.

        Args:
            writers: tensor ``(..., n, k)``.
            readers: tensor ``(..., n, k')``.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(alignment(writers, readers).mean())


class _ComparingMetric(LatestMetric):
    """A number that compares weights with those of another look, a copy of which is kept."""

    is_differentiable = False
    _forward_cache: Any

    def __init__(self, *configuration: Any, **kwargs: Any) -> None:
        super().__init__(*configuration, **kwargs)
        self._look_name = f"{self._state_name}.look"
        self.add_state(self._look_name, default=[], dist_reduce_fx=None)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Measure these weights and return the value, which takes the look before them into account."""
        self.update(*args, **kwargs)
        # torchmetrics would measure a batch on its own, with nothing to compare it with.
        self._forward_cache = self.compute()
        return self._forward_cache

    def _compared_with(self) -> list[Tensor]:
        look: list[Tensor] = getattr(self, self._look_name)
        return look

    def _remember(self, look: Sequence[Tensor]) -> None:
        setattr(self, self._look_name, [leg.detach().clone() for leg in look])


class FeatureLearning(_ComparingMetric):
    """Order parameter of the kernel and the feature-learning phase, averaged over all copies.

    Keeps a copy of the weights of the first look until ``reset``; ``metric.persistent(True)`` saves it in
    checkpoints. See :func:`~lightning_symmetry.functional.feature_learning`.

    Args:
        rates: learning rates of the writers and of the readers.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``rates`` is no sequence of numbers.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import FeatureLearning
        >>> metric = FeatureLearning()
        >>> metric.update(torch.tensor([[1.0], [0.0]]), torch.tensor([[0.0], [1.0]]))
        >>> metric.update(torch.tensor([[2.0], [1.0]]), torch.tensor([[1.0], [2.0]]))
        >>> metric.compute()
        tensor(1.0986)
    """

    def __init__(self, rates: tuple[float, float] = (1.0, 1.0), **kwargs: Any) -> None:
        check_numbers(rates, "rates")
        super().__init__(*rates, **kwargs)
        self.rates = rates

    def update(self, writers: Tensor, readers: Tensor) -> None:
        """Measure these weights, or remember them if they are the first.

        Args:
            writers: tensor ``(..., n, k)``.
            readers: tensor ``(..., n, k')``.

        Raises:
            ValueError: as the function raises it.
        """
        look = [writers, readers]
        first = self._compared_with() or look
        self._keep(feature_learning(first, look, self.rates).mean())
        if first is look:
            self._remember(look)


class Mechanisms(_ComparingMetric):
    """Growth of two layers' product since the look before, split into mechanisms, averaged over all copies.

    Keeps a copy of the weights of the latest look; the first one has grown by 0. See
    :func:`~lightning_symmetry.functional.mechanisms`.

    Args:
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import Mechanisms
        >>> metric = Mechanisms()
        >>> metric.update(torch.tensor([[1.0], [0.0]]), torch.tensor([[3.0], [4.0]]))
        >>> metric.update(torch.tensor([[1.0], [0.0]]), torch.tensor([[10.0], [0.0]]))
        >>> metric.compute()
        {'growth': tensor(1.2040), 'rescaling': tensor(0.6931), 'alignment': tensor(0.5108)}
    """

    plot_lower_bound: float | None = None

    def update(self, writers: Tensor, readers: Tensor) -> None:
        """Measure these weights against those of the previous update.

        Args:
            writers: tensor ``(..., n, k)``.
            readers: tensor ``(..., n, k')``.

        Raises:
            ValueError: as the function raises it.
        """
        look = [writers, readers]
        split = mechanisms(self._compared_with() or look, look)
        self._keep(torch.stack([part.mean() for part in split]))
        self._remember(look)

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """Return the split at the latest update.

        Returns:
            0-d tensors ``growth``, ``rescaling`` and ``alignment``; NaN before the first update.
        """
        return dict(zip(GrowthSplit._fields, super().compute().expand(3), strict=True))
