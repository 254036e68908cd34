"""Processes that each see batches of their own, and measure together."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor
from torchmetrics import Metric

from ...metrics._model.whole_values import is_sharded
from .parts import Parts

T = TypeVar("T")


def nobody(what: str) -> None:
    """Meet no other process."""


@dataclass(frozen=True)
class Processes:
    """What a measurement has to know of the processes.

    Attributes:
        device: Where this one computes.
        join: Whether there are several whose samples count together. All of them must then measure alike.
        meet: Called before they exchange anything; all of them come by, or raise if one has failed.
        parts: Those that share every batch with this one, if there are any.
    """

    device: torch.device
    join: bool
    meet: Callable[[str], object] = nobody
    parts: Parts | None = None

    @property
    def counts(self) -> bool:
        """Whether the samples of this process count: no other one counts the same."""
        return self.parts is None or self.parts.is_first

    def whole(self, tensor: Tensor) -> Tensor:
        """Put a tensor together.

        Args:
            tensor: Any. All processes must ask for one that is sharded.

        Returns:
            The tensor without its graph.
        """
        if not is_sharded(tensor):
            return tensor.detach()
        self.meet("a tensor that is split")
        found: Tensor = tensor.detach().full_tensor()  # type: ignore[attr-defined]  # of DTensor
        return found

    def require_whole(self, samples: Mapping[str, Tensor]) -> None:
        """Raise if plain samples are parts of something: then each process has others.

        Args:
            samples: By the name of the layer.

        Raises:
            ValueError: If some are parts.
        """
        if self.parts is None or self.parts.count == 1:
            return
        self.meet("samples that are not split")
        for name in self.parts.unlike(samples):
            raise ValueError(
                f"`layers` must name modules that see all features, found {name!r}, to which tensor "
                "parallelism hands a part as if it were all: give the names of linear layers"
            )

    def gathered(self, value: T) -> list[T]:
        """Collect what each process has.

        Args:
            value: Plain Python.

        Returns:
            The values in the order of the processes.
        """
        if not self.join:
            return [value]
        self.meet("plain values")
        values: list[Any] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(values, value)
        return values

    def agreed(self, value: T | None) -> T:
        """Choose the first value that a process has.

        Args:
            value: Plain Python; None for nothing.

        Returns:
            The same in every process; at least one must have one.
        """
        return next(each for each in self.gathered(value) if each is not None)

    def computed(self, metric: Metric) -> Any:
        """Compute a metric of all processes.

        Args:
            metric: One that may be without samples in this process.

        Returns:
            What it computes.
        """
        self._come_by(metric)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*`compute` method of metric .* before the `update`.*")
            return metric.compute()

    @contextmanager
    def joined(self, metric: Metric) -> Iterator[None]:
        """Within this context the states of a metric are those of all processes.

        Args:
            metric: Any.

        Yields:
            Nothing.
        """
        self._come_by(metric)
        with metric.sync_context(should_sync=self.join, should_unsync=self.join):
            yield

    def _come_by(self, metric: Metric) -> None:
        if self.join:
            self.meet(type(metric).__name__)
