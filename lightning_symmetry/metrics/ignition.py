"""Metric of when modes are learned."""

from numbers import Real
from typing import Any

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.plot import _AX_TYPE, _PLOT_OUT_TYPE

from lightning_symmetry.functional import ignition_times
from lightning_symmetry.functional._check import check, check_number, check_tensor


class IgnitionTimes(Metric):
    """Time at which each mode rises for the last time through a fraction of its final amplitude.

    See :func:`~lightning_symmetry.functional.ignition_times`. Every update adds one look to the series, and
    the whole series is kept: what a mode has to rise through is known only from where it ends. Weights are
    replicated, so nothing is synchronised between processes.

    Args:
        fraction: between 0 and 1.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if ``fraction`` is not between 0 and 1.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import IgnitionTimes
        >>> metric = IgnitionTimes()
        >>> for step in range(0, 101, 10):
        ...     metric.update(step, torch.sigmoid(torch.tensor([step - 25.0, step - 60.0]) / 5))
        >>> metric.compute()
        tensor([25.0000, 59.9956])
    """

    # Three declarations that torchmetrics reads from the class.
    is_differentiable: bool = False
    higher_is_better: bool | None = None
    full_state_update: bool = False

    steps: list[Tensor]
    amplitudes: list[Tensor]

    def __init__(self, fraction: float = 0.5, **kwargs: Any) -> None:
        check_number(fraction, "fraction")
        if not 0 < fraction < 1:
            raise ValueError(f"`fraction` must be between 0 and 1, got {fraction!r}")
        super().__init__(**{"sync_on_compute": False, **kwargs})
        self.fraction = fraction
        self.add_state("steps", default=[], dist_reduce_fx="cat")
        self.add_state("amplitudes", default=[], dist_reduce_fx="cat")

    def update(self, step: float | Tensor, amplitudes: Tensor) -> None:
        """Add one look at the modes.

        Args:
            step: time of the look, a number or a tensor of one, later than that of the look before.
            amplitudes: tensor ``(..., modes)``, of the same shape at every look.

        Raises:
            ValueError: if ``step`` is no number, or ``amplitudes`` is not floating-point, or has no dimension
                or another shape than before.
        """
        check_tensor(amplitudes, "amplitudes")
        if not amplitudes.is_floating_point() or amplitudes.ndim == 0:
            raise ValueError(
                f"`amplitudes` must be real and floating-point of shape (..., modes), "
                f"got {amplitudes.dtype} of shape {tuple(amplitudes.shape)}"
            )
        if self.amplitudes and amplitudes.shape != self.amplitudes[0].shape[1:]:
            raise ValueError(
                f"`amplitudes` must have shape {tuple(self.amplitudes[0].shape[1:])} as before, "
                f"got {tuple(amplitudes.shape)}"
            )
        number = isinstance(step, Real) or (isinstance(step, Tensor) and step.numel() == 1)
        check(number, "step", "be a number", step)
        self.steps.append(torch.as_tensor(step, device=amplitudes.device).reshape(1))
        self.amplitudes.append(amplitudes.detach().unsqueeze(0))

    def forward(self, step: float | Tensor, amplitudes: Tensor) -> Tensor:
        """Add one look and return the times so far: a single look has no ignition in it.

        Args:
            step: time of the look.
            amplitudes: tensor ``(..., modes)``.

        Returns:
            What :meth:`compute` returns after the update.
        """
        self.update(step, amplitudes)
        times = self.compute()
        self._forward_cache = times  # type: ignore[assignment]  # what `LightningModule.log` reads
        return times

    def compute(self) -> Tensor:
        """Find the times in the series so far.

        Returns:
            Tensor ``(..., modes)``, NaN for a mode that has not grown; a single NaN before the first update.
        """
        if not self.steps:
            return torch.tensor(float("nan"), device=self.device)
        series = dim_zero_cat(self.amplitudes).movedim(0, -2)
        return ignition_times(dim_zero_cat(self.steps), series, self.fraction)

    def plot(self, val: Tensor | None = None, ax: _AX_TYPE | None = None) -> _PLOT_OUT_TYPE:
        """Plot the staircase: how many modes have ignited by which time.

        Args:
            val: what ``compute`` or ``forward`` returned, by default the times so far.
            ax: matplotlib axis to draw on; by default a new figure.

        Returns:
            Figure and axis; no figure if an axis was given.
        """
        import matplotlib.pyplot as plt

        figure, ax = plt.subplots() if ax is None else (None, ax)
        times = (self.compute() if val is None else val).detach().flatten()
        ignited = times[times.isfinite()].sort().values.tolist()
        ax.step(ignited[:1] + ignited, range(len(ignited) + 1) if ignited else [], where="post")
        ax.set_xlabel("Step")
        ax.set_ylabel("Modes ignited")
        return figure, ax
