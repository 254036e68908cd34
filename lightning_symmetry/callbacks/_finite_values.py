"""Numbers from the device, without those that would spoil a logger's curves."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from .._compat import rank_zero_warn


class FiniteValues:
    """Transfers scalars all at once, and warns once of those that are not finite.

    Args:
        owner: Whom the warning speaks of.
        cause: Why a value is not finite.
    """

    def __init__(self, owner: str, cause: str = "weights or gradients are not finite") -> None:
        self._owner = owner
        self._cause = cause
        self._has_warned = False

    def of(self, values: Mapping[str, Tensor], step: int) -> dict[str, float]:
        """Return the finite ones.

        Args:
            values: Scalars by key, on any device.
            step: When they were measured.

        Returns:
            Numbers by key.
        """
        if not values:
            return {}
        numbers = torch.stack([value.double() for value in values.values()]).tolist()
        finite = {key: number for key, number in zip(values, numbers, strict=True) if math.isfinite(number)}
        if len(finite) < len(numbers) and not self._has_warned:
            self._has_warned = True
            lost = [key for key in values if key not in finite]
            rank_zero_warn(
                f"{self._owner}: {self._cause} at step {step}; {len(lost)} values such as {lost[0]!r} are "
                "not logged."
            )
        return finite
