"""Processes that go the same way, also when one of them fails."""

from __future__ import annotations

import zlib
from typing import Any, TypeVar

import torch

from .._compat import Trainer

T = TypeVar("T")


class FailedTogetherError(RuntimeError):
    """Something has failed in another process, and every process knows it."""


class Together:
    """Lets processes agree, before each collective operation, that all of them are about to take part.

    An agreement is one ``all_reduce`` of four integers. A process that fails in between takes part in the
    next agreement of the others to tell them, so that nobody waits for it.
    """

    def __init__(self) -> None:
        self._device = torch.device("cpu")
        self.several = False

    def join(self, trainer: Trainer) -> None:
        """Become one of the processes of a run.

        Args:
            trainer: The Trainer.
        """
        is_running = torch.distributed.is_available() and torch.distributed.is_initialized()
        self.several = trainer.world_size > 1 and is_running
        self._device = trainer.strategy.root_device

    def agree(self, what: str, number: int = 0) -> int:
        """Make sure that all processes are here, and well.

        Args:
            what: What comes next, the same in every process.
            number: Any that the processes may differ in.

        Returns:
            The largest of the numbers.

        Raises:
            FailedTogetherError: If one has failed, or is elsewhere; all of them raise it.
        """
        if not self.several:
            return number
        has_failed, largest, is_same = self._reduce(False, what, number)
        if has_failed or not is_same:
            raise FailedTogetherError(self._causes(None if has_failed else f"it is at {what!r}"))
        return largest

    def tell(self, error: Exception) -> None:
        """Tell the others, who are about to agree, that this process has failed.

        Args:
            error: The cause.
        """
        if self.several:
            self._reduce(True, "", 0)
            self._causes(f"{type(error).__name__}: {error}")

    def shared(self, value: T | None) -> T | None:
        """Choose what the first process has that has something.

        Args:
            value: Plain Python; None for nothing.

        Returns:
            The same in every process; None if none has anything.
        """
        if not self.several:
            return value
        rank, count = torch.distributed.get_rank(), torch.distributed.get_world_size()
        first = count - self.agree("what is shared", 0 if value is None else count - rank)
        if first == count:
            return None
        values: list[Any] = [value]
        torch.distributed.broadcast_object_list(values, src=first, device=self._device)
        chosen: T = values[0]
        return chosen

    def _reduce(self, failed: bool, what: str, number: int) -> tuple[bool, int, bool]:
        mark = zlib.crc32(what.encode())
        given = [int(failed), number, mark, -mark]
        numbers = torch.tensor(given, dtype=torch.int64, device=self._device)
        torch.distributed.all_reduce(numbers, torch.distributed.ReduceOp.MAX)
        any_failed, largest, highest, negative_lowest = numbers.tolist()
        return bool(any_failed), largest, highest == -negative_lowest

    def _causes(self, cause: str | None) -> str:
        causes: list[str | None] = [None] * torch.distributed.get_world_size()
        torch.distributed.all_gather_object(causes, cause)
        return "; ".join(f"process {rank}: {each}" for rank, each in enumerate(causes) if each)
