"""Time one tool on one model."""

from __future__ import annotations

import statistics
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

from benchmarks.cost.speed.decoder import decoder
from benchmarks.cost.speed.tools import RUNS, TOOLS
from benchmarks.cost.zoo.libraries import library
from benchmarks.cost.zoo.memory import peak_since, reset_peak
from benchmarks.cost.zoo.specimen import Specimen

ENOUGH = 1.0
"""Seconds after which a call is not repeated."""


@dataclass(frozen=True)
class Timing:
    """What one tool took for one model.

    Attributes:
        library: Where the model is from.
        model: Its name there.
        tool: Name of the tool.
        seconds: Median wall time of a call; NaN until there is one.
        memory: Bytes by which the resident memory rose, at most.
        trouble: Why there is no time.
    """

    library: str
    model: str
    tool: str
    seconds: float = float("nan")
    memory: float = float("nan")
    trouble: str = ""


def timed(known: Timing, repeat: int) -> Iterator[Timing]:
    """Build the model, warm the tool up on a small one, and time it.

    Args:
        known: Which tool and which model.
        repeat: Calls, of which the median counts.

    Yields:
        The same with what it took.
    """
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    torch.manual_seed(0)
    specimen = decoder() if known.library == "decoder" else library(known.library).build(known.model)
    tool = TOOLS[known.tool]()
    tool(Specimen(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 2)), (torch.zeros(1, 2),)))
    seconds: list[float] = []
    reset_peak()
    while len(seconds) < repeat and sum(seconds) < ENOUGH:
        started = time.perf_counter()
        tool(specimen)
        seconds.append((time.perf_counter() - started) / RUNS.get(known.tool, 1))
    yield replace(known, seconds=statistics.median(seconds), memory=peak_since())
