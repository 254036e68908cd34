"""What the demo found, and its form as plain data."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Any

import lightning_symmetry
from lightning_symmetry.demo.settings import VARIANTS, Settings
from lightning_symmetry.discovery import Symmetries
from lightning_symmetry.report.aggregate import figure
from lightning_symmetry.report.run import Run, variants


@dataclass(frozen=True)
class Outcome:
    """Everything that the tables, the report and the summary are made of.

    Attributes:
        settings: What was trained.
        runs: Every run.
        symmetries: The symmetries of the network's loss.
        errors: How far each is from holding, and all together.
        seconds: Duration of the whole.
    """

    settings: Settings
    runs: tuple[Run, ...]
    symmetries: Symmetries
    errors: Mapping[str, float]
    seconds: float


def versions() -> dict[str, str]:
    """List the versions that the figures were made with.

    Returns:
        Versions by the name of the package.
    """
    packages = {name: version(name) for name in ("torch", "lightning", "torchmetrics", "scikit-learn")}
    return {
        "lightning-symmetry": lightning_symmetry.__version__,
        "python": platform.python_version(),
        **packages,
    }


def summary(outcome: Outcome) -> dict[str, Any]:
    """Write an outcome as dictionaries, lists, strings and numbers.

    Args:
        outcome: What the demo found.

    Returns:
        Figures of each variant, aggregated and by seed, with settings, versions and symmetries; fit for
        JSON, with ``None`` for a number that is not finite.
    """
    described = {variant.name: variant.description for variant in VARIANTS}
    plain = {
        "settings": asdict(outcome.settings),
        "versions": versions(),
        "seconds": outcome.seconds,
        "variants": {
            name: {
                "description": described[name],
                "figures": {
                    key: {"mean": spread.mean, "std": spread.std}
                    for key in runs[0].figures
                    if (spread := figure(runs, key))
                },
                "runs": [{"seed": run.seed, **run.figures} for run in runs],
            }
            for name, runs in variants(outcome.runs).items()
        },
        "symmetries": [
            {"name": s.name, "group": s.group, "size": s.size, "copies": s.copies, "dimension": s.dimension}
            for s in outcome.symmetries
        ],
        "errors": dict(outcome.errors),
    }
    finite: dict[str, Any] = _finite(plain)
    return finite


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
