"""Logged numbers in a file that survives the process, and their comparison."""

from __future__ import annotations

import os
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment

Rows = dict[tuple[int, str], list[str]]
"""What was written for a step and a key: once, or again after the process was killed."""


class Journal(Logger):
    """Appends a line for each number, with all its digits; what a killed process left of a line is cut off.

    Args:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.truncate(self._file, path.read_bytes().rfind(b"\n") + 1)

    @property
    def name(self) -> str:
        """Name of the experiment, which Lightning asks for."""
        return "journal"

    @property
    def version(self) -> str:
        """Version of the experiment, which Lightning asks for."""
        return "0"

    @property
    @rank_zero_experiment
    def experiment(self) -> None:
        """There is none."""

    def log_hyperparams(self, params: dict[str, Any] | Namespace, *args: Any, **kwargs: Any) -> None:
        """Keep no hyperparameters.

        Args:
            params: Any.
            *args: Any.
            **kwargs: Any.
        """

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Append numbers.

        Args:
            metrics: By key.
            step: The optimizer step.
        """
        lines = [f"{step},{key},{float(value).hex()}\n" for key, value in metrics.items() if key != "epoch"]
        os.write(self._file, "".join(lines).encode())


def read(path: Path) -> Rows:
    """Return all that was written."""
    rows: Rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        step, key, value = line.split(",")
        rows.setdefault((int(step), key), []).append(value)
    return rows


def news(rows: Rows) -> set[tuple[int, str]]:
    """Return the steps and keys at which a number is not that of the last step at which there was one."""
    latest: dict[str, str] = {}
    places = set()
    for (step, key), values in sorted(rows.items()):
        if latest.get(key) != values[-1]:
            places.add((step, key))
        latest[key] = values[-1]
    return places
