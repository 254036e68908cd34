"""The level of a series that stands still, and its noise, in a few running numbers."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from lightning_symmetry._plain_form import between, integer, record

MEMORY = 64
"""Points after which a level forgets: older ones count less and less, so that a slow drift is followed."""

_CORRELATED = 0.9
"""Correlation of neighbours that noise is given at most."""

_RESOLUTION = 1e-6
"""Part of a level below which two float32 numbers may differ by rounding alone."""


_BOUND = 1e151  # whose square is finite
_SQUARE = between(0, sys.float_info.max)
FORM = record(
    {"count": integer(1, MEMORY), "variance": _SQUARE, "steps": _SQUARE, "bends": _SQUARE}
    | {"product": between(-sys.float_info.max, sys.float_info.max)}
    | dict.fromkeys(("mean", "last", "step"), between(-_BOUND, _BOUND))
)
"""What the fields of a level may be."""


@dataclass
class Level:
    r"""Running mean of consecutive points, and how much it can be off by noise.

    Averages are plain for the first :data:`MEMORY` points and exponentially weighted from then on.

    Args:
        count: Number of points, at most :data:`MEMORY`.
        mean: Their mean.
        variance: Mean squared deviation.
        product: Mean product of the deviations of neighbours.
        steps: Mean squared difference of neighbours.
        bends: Mean squared second difference.
        last: The last point.
        step: Its difference from the one before.

    Example:
        >>> Level.of([1.0, 3.0, 1.0, 3.0]).mean
        2.0
    """

    count: int = 0
    mean: float = 0.0
    variance: float = 0.0
    product: float = 0.0
    steps: float = 0.0
    bends: float = 0.0
    last: float = 0.0
    step: float = 0.0

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Level:
        """Return the level whose fields these are.

        Args:
            plain: Numbers of the form :data:`FORM`; what else there is, is passed over.

        Returns:
            An equal level.
        """
        return cls(**{field.name: plain[field.name] for field in fields(cls)})

    @classmethod
    def of(cls, values: Iterable[float]) -> Level:
        """Return the level of some points.

        Args:
            values: At least one.

        Returns:
            Their level.
        """
        level = cls()
        for value in values:
            level.absorb(value)
        return level

    def absorb(self, value: float, bound: float = math.inf) -> None:
        """Take in one point.

        Args:
            value: The point.
            bound: A point further than this from the mean counts as if it lay there.
        """
        if self.count == 0:
            self.mean = self.last = value
        deviation = min(max(value - self.mean, -bound), bound)
        before, step = self.last - self.mean, self.mean + deviation - self.last
        self.count = min(self.count + 1, MEMORY)
        weight = 1 / self.count
        self.variance = (1 - weight) * (self.variance + weight * deviation * deviation)
        self.product = (1 - weight) * (self.product + weight * deviation * before)
        if self.count > 1:
            self.steps += (step * step - self.steps) / (self.count - 1)
        if self.count > 2:
            self.bends += ((step - self.step) ** 2 - self.bends) / (self.count - 2)
        self.last, self.step = self.mean + deviation, step
        self.mean += weight * deviation

    @property
    def deviation(self) -> float:
        """Standard deviation of one point; never below what float32 can tell apart."""
        spread = math.sqrt(self.variance * self.count / max(1, self.count - 1))
        return max(spread, _RESOLUTION * abs(self.mean))

    @property
    def noise(self) -> float:
        r"""Standard deviation, enlarged for noise whose neighbours are alike.

        For noise whose neighbours correlate by φ, a mean of many points is off by
        :math:`\sqrt{(1 + \varphi) / (1 - \varphi)}` times what it would be for independent ones. Without a
        trend, second differences have a mean square of :math:`2 (1 - \varphi) (3 - \varphi)` variances: they
        tell noise from a smooth curve, which has none. φ is estimated from above, by one standard error and
        more where points are few: a short piece of such noise looks smoother and smaller than it is.
        """
        if not self.variance or not self.steps:
            return self.deviation
        correlation = min(
            max(self._correlation() + self.count**-0.5 * (1 + 8 / self.count), 0.0), _CORRELATED
        )
        enlarged = self.bends * (1 + correlation) / (2 * (3 - correlation)) / (1 - correlation) ** 2
        return max(self.deviation, math.sqrt(enlarged))

    def _correlation(self) -> float:
        # a trend adds to the first estimate and hardly to the second; few points bias the first one down
        by_products = self.product / self.variance
        by_products += (1 + 3 * by_products) / self.count
        return min(by_products, 3 - self.bends / self.steps)
