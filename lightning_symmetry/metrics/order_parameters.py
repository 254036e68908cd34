"""All order parameters of a model at once, from its symmetries and its weights."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ..discovery.symmetry import Symmetry
from ..functional import (
    dead_units,
    distinct_units,
    effective_rank,
    general_linear_imbalance,
    norm_distance,
    participation_ratio,
    permutation_distance,
    scaling_imbalance,
)
from ..functional.units import Modulo
from .space import Reader, Space, directions, is_two_sided, sides, spaces

PREFIX = "symmetry"
_TOTALS: dict[str, Callable[[Tensor], Tensor]] = {
    "breaking_distance": lambda values: values.square().sum().sqrt(),
    "dead_units": torch.sum,
    "distinct_units": torch.sum,
    "effective_rank": torch.mean,
    "participation_ratio": torch.mean,
    "noether_imbalance": torch.mean,
}


class OrderParameters:
    """Measures the order parameters of every symmetry of a model, equal shapes in one call.

    Keys are ``symmetry/<quantity>/<symmetry name>``, and ``symmetry/<quantity>`` for the whole model:

    - ``breaking_distance``: Δ_G = ‖θ − P_G θ‖ (arXiv 2502.05300, Sec. 2) of each permutation, sign and
      general linear group; the model's is the root of the sum of squares over permutations.
    - ``dead_units``: units smaller than a tenth of the largest of their space (arXiv 2306.04251); the size of
      a unit is that of everything it writes and reads, or the geometric mean of both sides where a scaling
      trades one for the other. The model's is the sum.
    - ``distinct_units``: Σ 1/|{j : i ~ j}| modulo the scale and sign group of the space. The model's is the
      sum.
    - ``effective_rank`` (Roy & Vetterli 2007) and ``participation_ratio`` of the matrices that write a space;
      for a space with a general linear group of the product of readers and writers, which the group leaves
      alone. The model's is the mean.
    - ``noether_imbalance``: how far the conserved charges of a scaling or general linear group (arXiv
      2012.04728) are from balance, in [0, 1]. The model's is the mean.

    All values are finite for finite weights, at least float32 and stay on the weights' device: nothing waits
    for it.

    Args:
        symmetries: What :func:`lightning_symmetry.find_symmetries` gave.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from lightning_symmetry import find_symmetries
        >>> model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 2))
        >>> measure = OrderParameters(find_symmetries(model, torch.zeros(1, 4)))
        >>> values = measure(dict(model.named_parameters()))
        >>> values["symmetry/dead_units"].item()
        0.0
    """

    def __init__(self, symmetries: Iterable[Symmetry]) -> None:
        self._symmetries = list(symmetries)
        self._spaces = spaces(self._symmetries)
        self._permuted = [s for s in self._spaces if s.mover.group == "permutation"]

    @torch.no_grad()
    def __call__(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Measure at the given parameters.

        Args:
            params: Parameters by the names that the symmetries use.

        Returns:
            A scalar tensor by key.
        """
        read = Reader(params)
        found = {
            "breaking_distance": self._distances(read),
            "dead_units": self._dead(read),
            "distinct_units": self._distinct(read),
            "effective_rank": self._ranks(read, effective_rank),
            "participation_ratio": self._ranks(read, participation_ratio),
            "noether_imbalance": self._imbalances(read),
        }
        result: dict[str, Tensor] = {}
        for quantity, values in found.items():
            if values:
                counted = [
                    v
                    for name, v in values.items()
                    if quantity != "breaking_distance" or name in self._names()
                ]
                if counted:
                    result[f"{PREFIX}/{quantity}"] = _TOTALS[quantity](torch.stack(counted))
                result |= {f"{PREFIX}/{quantity}/{name}": value for name, value in values.items()}
        return result

    def _names(self) -> set[str]:
        return {space.mover.name for space in self._permuted}

    def _distances(self, read: Reader) -> dict[str, Tensor]:
        values = _batched(
            lambda *legs: permutation_distance(legs).square().sum(-1).sqrt(),
            {s.mover.name: read(s.legs()) for s in self._permuted},
        )
        normed = [s for s in self._symmetries if s.group in {"sign", "general_linear"}]
        return values | _batched(
            lambda *legs: norm_distance(legs).square().sum(-1).sqrt(),
            {s.name: read(sides(s)[0]) for s in normed},
        )

    def _dead(self, read: Reader) -> dict[str, Tensor]:
        sizes = {s.mover.name: [_sizes(read, s)] for s in self._permuted}
        return _batched(lambda size: dead_units(size.unsqueeze(-1)).sum(-1), sizes)

    def _distinct(self, read: Reader) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        by_group: dict[Modulo, dict[str, list[Tensor]]] = defaultdict(dict)
        for space in self._permuted:
            pieces, modulo = space.incoming()
            blocks = read(pieces)
            together = directions(blocks) if space.diagonal and modulo == "nothing" else torch.cat(blocks, -1)
            by_group[modulo][space.mover.name] = [together, _sizes(read, space)]
        for modulo, inputs in by_group.items():

            def count(rows: Tensor, sizes: Tensor, modulo: Modulo = modulo) -> Tensor:
                return distinct_units(rows, modulo=modulo, sizes=sizes).sum(-1)

            values |= _batched(count, inputs)
        return values

    def _ranks(self, read: Reader, rank: Callable[[Tensor], Tensor]) -> dict[str, Tensor]:
        matrices = {s.mover.name: [m] for s in self._spaces if (m := _matrix(read, s)) is not None}
        return _batched(lambda matrix: rank(matrix).mean(-1), matrices)

    def _imbalances(self, read: Reader) -> dict[str, Tensor]:
        values: dict[str, Tensor] = {}
        for symmetry in self._symmetries:
            if is_two_sided(symmetry):
                pieces, powers = sides(symmetry)
                values[symmetry.name] = scaling_imbalance(read(pieces), powers).mean()
        for space in self._spaces:
            if space.mover.group == "general_linear":
                writers, readers = _both_sides(read, space)
                if writers and readers:
                    sums = general_linear_imbalance(torch.cat(writers, -1), torch.cat(readers, -1))
                    values[space.mover.name] = sums.mean()
        return values


def _both_sides(read: Reader, space: Space) -> tuple[list[Tensor], list[Tensor]]:
    pieces, powers = sides(space.mover)
    blocks = read(pieces)
    return (
        [b for b, p in zip(blocks, powers, strict=True) if p > 0],
        [b for b, p in zip(blocks, powers, strict=True) if p < 0],
    )


def _matrix(read: Reader, space: Space) -> Tensor | None:
    writers = read(space.writers())
    if space.mover.group != "general_linear":
        return torch.cat(writers, -1) if writers else None
    readers = read(space.readers())
    return torch.cat(readers, -1).mT @ torch.cat(writers, -1) if readers and writers else None


def _sizes(read: Reader, space: Space) -> Tensor:
    """The size of every unit, blind to the scalings of the space: ``(copies, n)``."""
    traded = space.compensated()
    if not traded:
        return _norm(read(space.legs()))
    logs = []
    for scaling in traded:
        pieces, powers = sides(scaling)
        blocks = read(pieces)
        up = _norm([b for b, p in zip(blocks, powers, strict=True) if p > 0])
        down = _norm([b for b, p in zip(blocks, powers, strict=True) if p < 0])
        logs.append((up * down).sqrt())
    shape = torch.Size([space.mover.copies, space.mover.size])
    return torch.stack([size.reshape(shape) for size in logs]).log().mean(0).exp()


def _norm(blocks: Sequence[Tensor]) -> Tensor:
    precise = torch.promote_types(blocks[0].dtype, torch.float32)
    norms = [torch.linalg.vector_norm(block, dim=-1, dtype=precise) for block in blocks]
    joined: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    return joined


def _batched(function: Callable[..., Tensor], inputs: Mapping[str, Sequence[Tensor]]) -> dict[str, Tensor]:
    """Call a function once for all entries whose tensors have the same shapes."""
    alike: dict[object, list[str]] = defaultdict(list)
    for name, tensors in inputs.items():
        alike[tuple((t.shape, t.dtype, t.device) for t in tensors)].append(name)
    values: dict[str, Tensor] = {}
    for names in alike.values():
        columns = zip(*(inputs[name] for name in names), strict=True)
        stacked = [torch.stack(column) if len(column) > 1 else column[0].unsqueeze(0) for column in columns]
        values |= dict(zip(names, function(*stacked).unbind(0), strict=True))
    return {name: values[name] for name in inputs}
