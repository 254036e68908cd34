"""The early warning of a collapse, from what is logged anyway."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

import torch

from .._plain_form import by_text, each, integer, number, row
from ..functional import collapse_risk
from ..metrics.order_parameters import PREFIX

WINDOW = 16
WATCHED = f"{PREFIX}/breaking_distance/"
"""Ranks fall in healthy training too, where few directions outgrow the others, and late in a collapse."""

FORM = each(row(integer(0), by_text(number)))
"""What a window of looks may be."""


class CollapseWarning:
    """Remembers a window of looks, and says which symmetries are about to be restored."""

    def __init__(self) -> None:
        self._looks: deque[tuple[int, dict[str, float]]] = deque(maxlen=WINDOW)

    def after(self, step: int, values: Mapping[str, float]) -> dict[str, float]:
        """Add a look.

        Args:
            step: Its step.
            values: What was measured.

        Returns:
            ``symmetry/collapse_risk``, the largest, and ``symmetry/collapse_risk/<name>``; 0 until the window
            is full, nothing if nothing is watched.
        """
        watched = {key: value for key, value in values.items() if key.startswith(WATCHED)}
        self._looks.append((step, watched))
        if not watched:
            return {}
        risks = {key.removeprefix(WATCHED): 0.0 for key in watched}
        known = [key for key in watched if all(key in look for _, look in self._looks)]
        if len(self._looks) == WINDOW and known:
            series = torch.tensor(
                [[look[key] for _, look in self._looks] for key in known], dtype=torch.float64
            )
            found = collapse_risk([step for step, _ in self._looks], series).tolist()
            risks |= {key.removeprefix(WATCHED): risk for key, risk in zip(known, found, strict=True)}
        whole = {f"{PREFIX}/collapse_risk": max(risks.values())}
        return whole | {f"{PREFIX}/collapse_risk/{name}": risk for name, risk in risks.items()}

    def state_dict(self) -> list[Any]:
        """Return the window, in plain numbers and strings."""
        return [[step, values] for step, values in self._looks]

    def load_state_dict(self, state: list[Any]) -> None:
        """Continue with an earlier window.

        Args:
            state: What :meth:`state_dict` returned then.
        """
        self._looks.clear()
        self._looks.extend((step, values) for step, values in state)
