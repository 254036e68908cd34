"""Both ways of tracing, by name."""

from collections.abc import Callable
from typing import Any

import pytest
from torch import nn

from lightning_symmetry import Symmetries
from lightning_symmetry.discovery._tracing.trace import trace_fake, trace_running
from lightning_symmetry.discovery.find import solved, steps


def on_fakes(model: nn.Module, *args: Any) -> Symmetries:
    """Find symmetries on fake tensors alone."""
    return Symmetries(solved(steps(trace_fake, model, model, (args, {}))))


def on_copies(model: nn.Module, *args: Any) -> Symmetries:
    """Find symmetries on copies of the real tensors."""
    return Symmetries(solved(steps(trace_running, model, model, (args, {}))))


Find = Callable[..., Symmetries]
both_tracers = pytest.mark.parametrize("find", [on_fakes, on_copies], ids=["fake", "running"])
