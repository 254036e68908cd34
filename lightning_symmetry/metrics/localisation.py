"""Metric of how localised the leading modes are."""

from typing import Any

from torch import Tensor

from lightning_symmetry.functional import localisation
from lightning_symmetry.functional._check import check_integer
from lightning_symmetry.metrics._latest import LatestMetric


class Localisation(LatestMetric):
    """Inverse participation ratio of the leading right singular vectors, averaged over them and all copies.

    See :func:`~lightning_symmetry.functional.localisation`; update with ``matrix.mT`` for the left ones.

    Args:
        modes: how many singular vectors to average over, at least 1; all if the matrix has fewer.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``modes`` is less than 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import Localisation
        >>> metric = Localisation(modes=2)
        >>> metric.update(torch.tensor([[0.0, 0.0, 0.0, 2.0], [1.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.0, 0.0]]))
        >>> metric.compute()
        tensor(0.7500)
    """

    is_differentiable = False
    plot_upper_bound: float = 1.0

    def __init__(self, modes: int = 1, **kwargs: Any) -> None:
        check_integer(modes, "modes")
        if modes < 1:
            raise ValueError(f"`modes` must be at least 1, got {modes}")
        super().__init__(modes, **kwargs)
        self.modes = modes

    def update(self, matrix: Tensor) -> None:
        """Measure these weights.

        Args:
            matrix: tensor ``(..., m, n)``.

        Raises:
            ValueError: as the function raises it.
        """
        self._keep(localisation(matrix)[..., : self.modes].mean())
