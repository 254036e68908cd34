"""Examine every model of the zoo, one after the other, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import torch

from benchmarks.cost.zoo.examination import Examination, examine
from benchmarks.cost.zoo.isolation import CONTEXT, isolated
from benchmarks.cost.zoo.libraries import MODULES, library, listing

SECONDS = 180.0
"""For everything about one model."""

BUDGET = 2.0
"""Seconds of them for verification."""

MEMORY = 12 * 2**30
"""Bytes of data of one process."""


def visit(libraries: Sequence[str], only: Sequence[str] = (), jobs: int = 1) -> Iterator[Examination]:
    """Examine the models of some libraries.

    Args:
        libraries: Names of the libraries; those that are not installed are passed over after a line about it.
        only: Names of the models to examine, instead of all.
        jobs: How many are examined at a time.

    Yields:
        What is known of each model in the end.
    """
    CONTEXT.set_forkserver_preload([*MODULES.values(), "benchmarks.cost.zoo.examination"])
    known = [
        Examination(name, kind, model)
        for name in libraries
        for kind, models in listing(name).items()
        for model in models
        if not only or model in only
    ]
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(_examined, known)


def _examined(known: Examination) -> Examination:
    for message in isolated(_specimen, known, BUDGET, seconds=SECONDS, memory=MEMORY):
        known = replace(known, trouble=message) if isinstance(message, str) else message
    return known


def _specimen(known: Examination, budget: float) -> Iterator[Examination]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield from examine(known, library(known.library).build(known.name), budget)
