"""Examine every model of the zoo, one after the other, each in a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.cost.zoo.examination import Examination, examine
from benchmarks.cost.zoo.isolation import CONTEXT, isolated
from benchmarks.cost.zoo.libraries import MODULES, library

SECONDS = 60.0
"""For everything about one model."""

BUDGET = 5.0
"""Seconds of them for verification."""

MEMORY = 12 * 2**30
"""Bytes of data of one process."""


def visit(libraries: tuple[str, ...], only: tuple[str, ...] = ()) -> Iterator[Examination]:
    """Examine the models of some libraries.

    Args:
        libraries: Names of the libraries; those that are not installed are passed over after a line about it.
        only: Names of the models to examine, instead of all.

    Yields:
        What is known of each model in the end.
    """
    CONTEXT.set_forkserver_preload([*MODULES.values(), "benchmarks.cost.zoo.examination"])
    for name in libraries:
        listing = list(isolated(_listing, name, seconds=SECONDS, memory=MEMORY))
        kinds = listing[0]
        if isinstance(kinds, str):
            print(f"{name}: skipped, as it cannot be imported ({kinds})")
            continue
        for kind, models in kinds.items():
            for model in models:
                if not only or model in only:
                    yield _examined(Examination(name, kind, model))


def _examined(known: Examination) -> Examination:
    for message in isolated(_specimen, known, BUDGET, seconds=SECONDS, memory=MEMORY):
        known = replace(known, trouble=message) if isinstance(message, str) else message
    return known


def _listing(name: str) -> Iterator[dict[str, tuple[str, ...]]]:
    yield library(name).kinds


def _specimen(known: Examination, budget: float) -> Iterator[Examination]:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield from examine(known, library(known.library).build(known.name), budget)
