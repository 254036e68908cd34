"""How far the memory rises while something is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch

from benchmarks.cost.zoo.memory import peak_since, reset_peak

Found = TypeVar("Found")


def risen(action: Callable[[], Found], device: torch.device) -> tuple[Found, float]:
    """Call once, and watch the memory.

    Args:
        action: What is called.
        device: Whose memory counts: on a CPU that of the process, NaN where it cannot be read.

    Returns:
        What the action returns, and the bytes by which the memory was above that at the beginning, at most.
    """
    if device.type != "cuda":
        reset_peak()
        return action(), peak_since()
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    return action(), torch.cuda.max_memory_allocated(device) - before
