"""A Lightning logger that keeps what a run logs in memory."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from lightning_symmetry._compat import Logger
from lightning_symmetry.report.run import Curve


class CurveRecorder(Logger):
    """Keep every number that a run logs, as curves by key.

    Nothing is written anywhere. A key logged twice at one step keeps the later number.

    Example:
        >>> recorder = CurveRecorder()
        >>> recorder.log_metrics({"loss": 2.0}, step=0)
        >>> recorder.log_metrics({"loss": 1.0}, step=10)
        >>> recorder.curves()["loss"]
        Curve(steps=(0, 10), values=(2.0, 1.0))
    """

    def __init__(self) -> None:
        super().__init__()
        self._points: dict[str, dict[int, float]] = {}

    @property
    def name(self) -> str:
        """Name of the experiment, which Lightning asks for."""
        return "curves"

    @property
    def version(self) -> str:
        """Version of the experiment, which Lightning asks for."""
        return "0"

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Keep no hyperparameters: a report states those that matter.

        Args:
            params: Any.
            *args: Any.
            **kwargs: Any.
        """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Keep numbers.

        Args:
            metrics: By key.
            step: The optimizer step that Lightning counts them at; 0 if it gives none.
        """
        for key, value in metrics.items():
            self._points.setdefault(key, {})[step or 0] = float(value)

    def curves(self) -> dict[str, Curve]:
        """Return what was kept.

        Returns:
            A curve by key, keys in the order of their first appearance.
        """
        ordered = {key: sorted(points.items()) for key, points in self._points.items()}
        return {
            key: Curve(tuple(step for step, _ in points), tuple(value for _, value in points))
            for key, points in ordered.items()
        }
