"""Metrics that count units."""

from abc import abstractmethod
from typing import Any

from torch import Tensor

from lightning_symmetry.functional import dead_units
from lightning_symmetry.functional._alike import Modulo
from lightning_symmetry.functional._clusters import Clusters, clusters
from lightning_symmetry.metrics._latest import LatestMetric


class DeadUnits(LatestMetric):
    """Number of units with a small fraction of the largest norm, summed over all copies of the space.

    See :func:`~lightning_symmetry.functional.dead_units`.

    Args:
        threshold: fraction of the largest norm.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import DeadUnits
        >>> metric = DeadUnits()
        >>> metric.update(torch.tensor([[3.0, 4.0], [0.1, 0.2], [0.0, 0.0]]))
        >>> metric.compute()
        tensor(2.)
    """

    is_differentiable = False

    def __init__(self, threshold: float = 0.1, **kwargs: Any) -> None:
        super().__init__(threshold, **kwargs)
        self.threshold = threshold

    def update(self, units: Tensor) -> None:
        """Measure these weights.

        Args:
            units: tensor ``(..., n, k)``, one unit a row.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(dead_units(units, self.threshold).sum())


class _Compared(LatestMetric):
    """What compares all units of a space with each other."""

    is_differentiable = False

    def __init__(
        self,
        threshold: float = 0.1,
        *,
        modulo: Modulo = "nothing",
        dead_threshold: float = 0.1,
        **kwargs: Any,
    ) -> None:
        super().__init__(threshold, modulo, dead_threshold, **kwargs)
        self.threshold = threshold
        self.modulo = modulo
        self.dead_threshold = dead_threshold

    def update(self, units: Tensor, sizes: Tensor | None = None) -> None:
        """Measure these weights.

        Args:
            units: tensor ``(..., n, k)``, one unit a row.
            sizes: tensor ``(..., n)`` that decides which units are dead, by default the norms of the rows.

        Raises:
            ValueError: as the function raises it.
        """
        found = clusters(
            units, self.threshold, modulo=self.modulo, dead_threshold=self.dead_threshold, sizes=sizes
        )
        self._keep(self._joined(found))

    @abstractmethod
    def _joined(self, found: Clusters) -> Tensor:
        """The number that is kept, of all copies."""


class DistinctUnits(_Compared):
    """Number of living units that differ from each other, summed over all copies of the space.

    See :func:`~lightning_symmetry.functional.distinct_units`.

    Args:
        threshold: relative squared distance under which two units are the same.
        modulo: the group up to which units are compared.
        dead_threshold: fraction of the largest size under which a unit is dead.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import DistinctUnits
        >>> metric = DistinctUnits(modulo="sign")
        >>> metric.update(torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.0, 0.01]]))
        >>> metric.compute()
        tensor(2.)
    """

    def _joined(self, found: Clusters) -> Tensor:
        return found.distinct().sum()


class DuplicateUnits(_Compared):
    """Number of living units that others make superfluous, summed over all copies of the space.

    See :func:`~lightning_symmetry.functional.duplicate_units`.

    Args:
        threshold: relative squared distance under which two units are the same.
        modulo: the group up to which units are compared.
        dead_threshold: fraction of the largest size under which a unit is dead.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import DuplicateUnits
        >>> metric = DuplicateUnits(modulo="sign")
        >>> metric.update(torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.0, 0.01]]))
        >>> metric.compute()
        tensor(1.)
    """

    def _joined(self, found: Clusters) -> Tensor:
        return found.duplicates().sum()


class UnbrokenPermutations(_Compared):
    """Share of the permutations that the weights leave unbroken, averaged over all copies.

    See :func:`~lightning_symmetry.functional.unbroken_permutations`.

    Args:
        threshold: relative squared distance under which two units are the same.
        modulo: the group up to which units are compared.
        dead_threshold: fraction of the largest size under which a unit is dead.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import UnbrokenPermutations
        >>> metric = UnbrokenPermutations(modulo="sign")
        >>> metric.update(torch.tensor([[1.0, 0.0], [-1.0, 0.1], [0.0, 1.0], [0.0, 0.01]]))
        >>> metric.compute()
        tensor(0.2181)
    """

    def _joined(self, found: Clusters) -> Tensor:
        return found.unbroken().mean()
