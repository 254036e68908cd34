"""Mutual nearest neighbours on a bounded sample of the data."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_symmetry.functional._check import check, check_integer
from lightning_symmetry.functional.representation._pair import wide
from lightning_symmetry.functional.representation.mutual_neighbours import (
    mutual_nearest_neighbours,
    mutual_nearest_neighbours_chance,
)
from lightning_symmetry.metrics.representation._records import read, write
from lightning_symmetry.metrics.representation._sample_hash import sample_hash
from lightning_symmetry.metrics.representation._streamed import PairMetric, as_batch


class MutualNearestNeighbours(PairMetric):
    """Share of nearest neighbours that two representations have in common, and what it is by chance.

    See :func:`~lightning_symmetry.functional.mutual_nearest_neighbours`. Neighbours are sought in a sample
    of the data, kept in 8 ``size`` (d_a + d_b + 1) bytes. A hash of their features and the seed decides which
    samples belong to it: as good as at random, with no random number drawn, and neither the order of the
    batches nor the process that sees them matters. As long as no more than ``size`` have come, all belong.
    Chance grows with ``neighbours / size``, and the overlap with it: compare values of equal sizes only.

    Args:
        neighbours: how many neighbours of each sample count.
        size: samples that are kept, more than ``neighbours``.
        seed: of the choice of samples.
        kwargs: passed on to :class:`torchmetrics.Metric`.

    Raises:
        ValueError: if an argument is no integer, ``neighbours`` is not positive, or ``size`` not larger.

    Example:
        >>> import torch
        >>> from lightning_symmetry.metrics import MutualNearestNeighbours
        >>> metric = MutualNearestNeighbours(neighbours=5, size=101)
        >>> generator = torch.Generator().manual_seed(0)
        >>> for _ in range(4):
        ...     x = torch.randn(32, 3, generator=generator)
        ...     metric.update(x, 2 * x)
        >>> metric.compute()
        {'overlap': tensor(1., dtype=torch.float64), 'chance': tensor(0.0500, dtype=torch.float64)}
    """

    def __init__(self, neighbours: int = 10, size: int = 1024, seed: int = 0, **kwargs: Any) -> None:
        for name, value in (("neighbours", neighbours), ("size", size), ("seed", seed)):
            check_integer(value, name)
        check(neighbours >= 1, "neighbours", "be at least 1", neighbours)
        check(size > neighbours, "size", f"be more than the {neighbours} neighbours", size)
        super().__init__(**kwargs)
        self.neighbours = neighbours
        self.size = size
        self.seed = seed
        # `MetricCollection` lets metrics share one state as soon as names and first values coincide.
        self._names = [f"sample_{side}_{size}_{seed}" for side in "ab"]
        for name in self._names:
            self.add_state(name, default=[], dist_reduce_fx="cat")

    def update(self, a: Tensor, b: Tensor) -> None:
        """Add a batch.

        Args:
            a: tensor ``(n, d_a)``, one sample a row.
            b: tensor ``(n, d_b)``, the same samples.

        Raises:
            ValueError: if one is not real and floating-point with two dimensions, if the two do not hold the
                same number of samples, or if a width is not that of the batches before.
        """
        one, other = as_batch(a, b)
        self._check_widths(one, other, before=bool(getattr(self, self._names[0])))
        order = sample_hash(one, other, self.seed).unsqueeze(-1)
        batch = torch.cat([order, wide(one)], dim=-1), wide(other)
        joined = [
            torch.cat([*(known[2:].view(-1, rows.shape[-1]) for known in getattr(self, name)), rows])
            for name, rows in zip(self._names, batch, strict=True)
        ]
        for name, rows in zip(self._names, self._lowest(joined), strict=True):
            setattr(self, name, [write(rows)])

    def compute(self) -> dict[str, Tensor]:
        """Compare neighbours within the sample so far.

        Waits for the device.

        Returns:
            0-d float64 tensors ``overlap`` and ``chance``; NaN with no more samples than neighbours.
        """
        found = [read(getattr(self, name)) for name in self._names]
        a, b = self._lowest([torch.cat(rows) for rows in found]) if found[0] else (None, None)
        if a is None or b is None or len(a) <= self.neighbours:
            return {"overlap": self._nan(), "chance": self._nan()}
        chance = mutual_nearest_neighbours_chance(len(a), self.neighbours)
        return {
            "overlap": mutual_nearest_neighbours(a[:, 1:], b, self.neighbours),
            "chance": a.new_tensor(chance),
        }

    def _lowest(self, sides: Sequence[Tensor]) -> list[Tensor]:
        chosen = sides[0][:, 0].argsort(stable=True)[: self.size]
        return [side[chosen] for side in sides]
