"""The largest resident memory of this process within a stretch of time, as Linux keeps it."""

from __future__ import annotations

import math
from pathlib import Path

_PROCESS = Path("/proc/self")


def reset_peak() -> None:
    """Forget earlier peaks."""
    if _PROCESS.exists():
        (_PROCESS / "clear_refs").write_text("5")
        _BASE[:] = [_status("VmRSS")]


def peak_since() -> float:
    """Bytes by which the peak lies above the memory at the last reset; NaN on other systems."""
    return _status("VmHWM") - _BASE[0] if _PROCESS.exists() else math.nan


_BASE = [0.0]


def _status(name: str) -> float:
    lines = (_PROCESS / "status").read_text().splitlines()
    return next(float(line.split()[1]) * 1024 for line in lines if line.startswith(name))
