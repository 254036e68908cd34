"""What is kept of a reproduction that was run, as JSON."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.reproductions.estimate import Estimate
from benchmarks.reproductions.outcome import Control, Figure, Line, Outcome, Panel

FOLDER = Path(__file__).with_name("results")

_POINTS = 200


@dataclass(frozen=True)
class Record:
    """A reproduction that was run.

    Attributes:
        name: Its name.
        claim: What it shows.
        source: Where that was published.
        outcome: What was found.
        seeds: Independent trainings.
        full: Whether it had the size of the source.
        seconds: How long it took.
        machine: Where it ran.
    """

    name: str
    claim: str
    source: str
    outcome: Outcome
    seeds: int
    full: bool
    seconds: float
    machine: str

    def save(self, folder: Path) -> None:
        """Write a JSON file.

        Args:
            folder: Where to.
        """
        content = asdict(self) | {"verdict": self.outcome.verdict}
        for panel in content["outcome"]["panels"]:
            for line in panel["lines"]:
                line |= {axis: _thinned(line[axis]) for axis in ("x", "y")}
        text = json.dumps(content, indent=1, ensure_ascii=False, default=_plain)
        (folder / f"{self.name}.json").write_text(text + "\n", encoding="utf-8")


def read(path: Path) -> Record:
    """Read what :meth:`Record.save` wrote.

    Args:
        path: The file.

    Returns:
        The record.
    """
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["verdict"]
    found = content.pop("outcome")
    outcome = Outcome(
        [Figure(**figure | {"ours": Estimate(**figure["ours"])}) for figure in found["figures"]],
        [Control(**control | {"ours": Estimate(**control["ours"])}) for control in found["controls"]],
        [Panel(**panel | {"lines": [Line(**line) for line in panel["lines"]]}) for panel in found["panels"]],
        found["remarks"],
    )
    return Record(outcome=outcome, **content)


def machine() -> str:
    """Describe what computes.

    Returns:
        Processor, cores, accelerator and versions.
    """
    accelerator = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    python = platform.python_version()
    return (
        f"{platform.machine()}, {os.cpu_count()} cores{accelerator}, Python {python}, "
        f"torch {torch.__version__.partition('+')[0]}"
    )


def _thinned(values: Sequence[Any]) -> Sequence[Any]:
    """No more points of a curve than can be seen."""
    return values[:: max(1, len(values) // _POINTS)]


def _plain(value: Any) -> Any:
    """Numbers of numpy and torch, which JSON does not know."""
    return value.item() if hasattr(value, "item") else list(value)
