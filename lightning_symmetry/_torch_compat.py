"""The only place that knows one torch version from another; unlike :mod:`._compat` it needs no Lightning."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch

# Before torch 2.6, which brought stances, the modes of a trace keep torch.compile from compiling.
_set_stance = getattr(torch.compiler, "set_stance", None)
uncompiled: Callable[[], AbstractContextManager[Any]] = (
    partial(_set_stance, "force_eager") if _set_stance else nullcontext
)


def in_backward() -> bool:
    """Whether a backward pass is running in this thread, as when gradient checkpointing computes anew."""
    return bool(torch._C._current_graph_task_id() != -1)
