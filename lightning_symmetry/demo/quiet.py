"""Silence what Lightning says about hardware, speed and progress, and nothing else."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lightning_symmetry._compat import LOGGER_NAMES

_KNOWN = (
    # Advice to load batches in other processes, which would be slower for tensors in memory.
    "The '.*' does not have many workers",
    # Lightning asks torch's tree functions in a way that newer releases of torch deprecate.
    r"`isinstance\(treespec, LeafSpec\)` is deprecated",
)


@contextmanager
def quiet() -> Iterator[None]:
    """Hold back Lightning's information, and two of its warnings that do not concern the demo.

    Torch uses one thread meanwhile: for matrices this small a second one costs more than it computes.

    Yields:
        Nothing.
    """
    threads = torch.get_num_threads()
    levels = {logging.getLogger(name): logging.getLogger(name).level for name in LOGGER_NAMES}
    for logger in levels:
        logger.setLevel(logging.WARNING)
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            for message in _KNOWN:
                warnings.filterwarnings("ignore", message=message)
            yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)
        torch.set_num_threads(threads)
