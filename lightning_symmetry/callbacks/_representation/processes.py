"""Processes that each see batches of their own, and measure together."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torchmetrics import Metric

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """What a measurement has to know of the processes.

    Attributes:
        device: Where this one computes.
        join: Whether there are several whose samples count together. All of them must then measure alike.
    """

    device: torch.device
    join: bool

    def gathered(self, value: T) -> list[T]:
        """Collect what each process has.

        Args:
            value: Plain Python.

        Returns:
            The values in the order of the processes.
        """
        if not self.join:
            return [value]
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
        with metric.sync_context(should_sync=self.join, should_unsync=self.join):
            yield
