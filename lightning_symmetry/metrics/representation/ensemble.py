"""How far the members of an ensemble agree, one in each process."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.distributed import gather_all_tensors
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional._check import check, check_tensor
from lightning_symmetry.metrics.representation._streamed import PairMetric


class EnsembleAgreement(Metric):
    """Compare what the models of several processes represent of the same samples, each with each.

    Every process trains a model of its own, as the members of an ensemble do, and shows its features of the
    *same* samples in the same order; widths may differ. The features of a batch go to all processes, n × d
    numbers each; every process keeps the states of one comparison with each other one.

    Args:
        metric: makes the metric of two representations, such as
            :class:`~lightning_symmetry.metrics.UnbiasedLinearCKA`.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``metric`` cannot be called.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import EnsembleAgreement, LinearCKA
        >>> agreement = EnsembleAgreement(LinearCKA)
        >>> agreement.update(torch.eye(4, 3, dtype=torch.float64))
        >>> agreement.compute()  # with itself: there is one process
        tensor(1., dtype=torch.float64)
    """

    # Three declarations that torchmetrics reads from the class.
    is_differentiable: bool = False
    higher_is_better: bool | None = None
    full_state_update: bool = False

    def __init__(self, metric: Callable[..., PairMetric], **kwargs: Any) -> None:
        check(callable(metric), "metric", "be callable", metric)
        super().__init__(**{"sync_on_compute": False, **kwargs})
        self._metric = metric
        self.pairs: list[PairMetric] = []

    def update(self, features: Tensor) -> None:
        """Add a batch. Every process must call it.

        Args:
            features: tensor ``(n, d)`` of this process's model, one sample a row.

        Raises:
            ValueError: as the metric of two representations raises it.
        """
        check_tensor(features, "features")
        members = _from_all(features.detach())
        while len(self.pairs) < len(members):
            # every process sees all samples: nothing is left to be joined
            self.pairs.append(self._metric(sync_on_compute=False).to(self.device))
        for pair, other in zip(self.pairs, members, strict=True):
            pair.update(features.detach(), other)

    def compute(self) -> Tensor:
        """Compare all members on all samples so far. Every process must call it.

        Returns:
            Tensor ``(processes, processes)``, the same in every process; 0-d for a single one, empty before
            the first update.
        """
        if not self.pairs:
            return torch.empty(0, 0, device=self.device)
        own = torch.stack([pair.compute() for pair in self.pairs])
        return torch.stack(_from_all(own))

    def reset(self) -> None:
        """Forget all samples."""
        super().reset()
        self.pairs = []

    def plot(self, val: Tensor | None = None, ax: _AX_TYPE | None = None) -> _PLOT_OUT_TYPE:
        """Draw the agreement of every two members.

        Args:
            val: what ``compute`` returned; by default that of now.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis; no figure if an axis was given.
        """
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots() if ax is None else (None, ax)
        matrix = self.compute() if val is None else val
        rows = (
            matrix if matrix.ndim else matrix.reshape(1, 1)
        )  # torchmetrics makes a scalar of a single number
        image = ax.imshow(rows.tolist(), vmin=0, vmax=1)
        ax.set_xlabel("Process")
        ax.set_ylabel("Process")
        ax.figure.colorbar(image, ax=ax, label=getattr(self._metric, "__name__", None))
        return figure, ax


def _from_all(tensor: Tensor) -> list[Tensor]:
    together = torch.distributed.is_available() and torch.distributed.is_initialized()
    return gather_all_tensors(tensor) if together else [tensor]
