"""How many parameters a model would need to compute the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor

from ...discovery.leg import Leg
from ...discovery.symmetry import Symmetry
from .space import Space, pieces


class EffectiveParameters:
    """Counts parameters after merging duplicates, without dead units, null ranks and the orbits.

    A space of n units of which d are distinct counts as one of d units, a space with a general linear group
    and a product of rank r as one of r dimensions. So every parameter shrinks along every axis; of what is
    left the dimension of the groups that then act is subtracted: for a product of rank r between m and n
    dimensions that is r(m + n) − r², the dimension of the matrices of that rank.

    Args:
        spaces: all spaces.
        symmetries: all symmetries.
        shapes: shapes of all trained parameters by name.
    """

    def __init__(
        self, spaces: Sequence[Space], symmetries: Iterable[Symmetry], shapes: Mapping[str, Sequence[int]]
    ) -> None:
        self._names = [space.mover.name for space in spaces]
        self._units = [float(space.mover.size * space.mover.copies) for space in spaces]
        axes = [axis for name, shape in shapes.items() for axis in _axes(spaces, name, shape)]
        self._count = len(shapes)
        self._owners = torch.tensor(
            [i for i, shape in enumerate(shapes.values()) for _ in shape], dtype=torch.long
        )
        self._axis_of = torch.tensor([i for i, runs in enumerate(axes) for _ in runs], dtype=torch.long)
        self._numbers = torch.tensor([float(number) for runs in axes for number, _ in runs])
        most = max((len(acting) for runs in axes for _, acting in runs), default=0)
        padded = [[*acting, *[-1] * (most + 1 - len(acting))] for runs in axes for _, acting in runs]
        self._acting = torch.tensor(padded, dtype=torch.long).reshape(-1, most + 1)
        orbits = [_orbit(spaces, symmetry) for symmetry in symmetries if symmetry.dimension]
        self._dimensions = torch.tensor([dimension for dimension, _, _ in orbits])
        self._powers = torch.tensor([power for _, power, _ in orbits], dtype=torch.long)
        self._shrinking = torch.tensor([space for _, _, space in orbits], dtype=torch.long)

    def __call__(self, left: Mapping[str, Tensor]) -> Tensor:
        """Count.

        Args:
            left: how many units or dimensions are left of every space, by the name of what moves it; one that
                is missing is whole.

        Returns:
            A scalar.
        """
        device = next(iter(left.values())).device if left else torch.device("cpu")
        # numbers of parameters go beyond what float32 can count
        precise = torch.float32 if device.type == "mps" else torch.float64
        whole = torch.tensor([*self._units, 1.0], dtype=precise, device=device)
        counts = [left[n].to(whole) if n in left else whole[i] for i, n in enumerate(self._names)]
        shares = torch.stack([*counts, whole[-1]]) / whole
        runs = self._numbers.to(whole) * shares[self._acting.to(device)].prod(dim=-1)
        lengths = whole.new_zeros(len(self._owners)).index_add(0, self._axis_of.to(device), runs)
        params = whole.new_ones(self._count).scatter_reduce(0, self._owners.to(device), lengths, "prod")
        kept = shares[self._shrinking.to(device)] ** self._powers.to(device)
        return params.sum() - (self._dimensions.to(whole) * kept).sum()


Run = tuple[int, tuple[int, ...]]
"""How many places of an axis belong to which spaces."""


def _axes(spaces: Sequence[Space], name: str, shape: Sequence[int]) -> list[list[Run]]:
    """The places of every axis of a parameter by the spaces that they belong to."""
    acting: list[dict[int, Tensor]] = [{} for _ in shape]
    for i, space in enumerate(spaces):
        for leg, act in pieces(space.mover):
            axis = leg.atoms[leg.acts[act]][0]
            if leg.parameter == name and axis >= 0:
                taken = acting[axis].setdefault(i, torch.zeros(shape[axis], dtype=torch.bool))
                taken[_places(leg, axis)] = True
    return [_runs(taken, length) for taken, length in zip(acting, shape, strict=True)]


def _runs(taken: Mapping[int, Tensor], length: int) -> list[Run]:
    if not taken:
        return [(length, ())]
    kinds, counts = torch.unique(torch.stack(list(taken.values())), dim=1, return_counts=True)
    return [
        (count, tuple(space for space, here in zip(taken, kind, strict=True) if here))
        for count, kind in zip(counts.tolist(), kinds.T.tolist(), strict=True)
    ]


def _places(leg: Leg, axis: int) -> Tensor:
    """The places along an axis that a piece takes."""
    places = torch.tensor([leg.offset[axis]])
    for cut, step, size in leg.atoms:
        if cut == axis:
            places = (places.unsqueeze(-1) + step * torch.arange(size)).flatten()
    return places


def _orbit(spaces: Sequence[Space], symmetry: Symmetry) -> tuple[float, int, int]:
    """The dimension of a group, the power with which it shrinks, and the space that it shrinks with."""
    for i, space in enumerate(spaces):
        if symmetry is space.mover:
            return float(symmetry.dimension), 2, i
        if symmetry in space.diagonal:
            return float(symmetry.dimension), 1, i
    return float(symmetry.dimension), 0, -1
