"""Pieces of parameters that a symmetry moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Literal

import torch
from torch import Tensor

from ..groups import GROUPS, Group
from .piece import Factor, Link, View


@dataclass(frozen=True)
class Leg(View):
    """A piece of a parameter that a symmetry moves.

    Attributes:
        kind: ``"parameter"``; ``"buffer"`` (moves along so that the function stays); ``"statistic"`` (moves
            along so that evaluation agrees, but is only written in the mode that was traced); or ``"noise"``
            (fresh random numbers, whose distribution does not change when they are moved).
        acts: Dimensions of the piece that the group acts on.
        powers: The exponent with which the piece transforms along each of them.
        roles: Whether the piece ``"writes"`` the space along each of them or ``"reads"`` it.
        copies: Dimensions that run over the independent copies of the group.
        additive: The leg is shifted by ``power · log λ`` where others are multiplied by ``λ^power``.
        chain: For translations, the maps that a shift has passed before it arrives here.
        frames: For matrix groups, the gains between the space and the piece along each acting dimension: the
            group acts on the piece divided by their product.
        about: The group acts on the piece plus this number: a gain may be written as ``1 + piece``.
        plane: For plane rotations, the dimension of length two that spans the plane.
        unit: For permutations of whole branches, which branch the piece belongs to; ``strand`` is its part in
            it.
    """

    kind: Literal["parameter", "buffer", "statistic", "noise"]
    acts: tuple[int, ...]
    powers: tuple[float, ...]
    roles: tuple[Literal["writes", "reads"], ...]
    copies: tuple[int, ...] = ()
    additive: bool = False
    chain: tuple[Link, ...] = ()
    frames: tuple[tuple[Factor, ...], ...] = ()
    about: float = 0.0
    plane: int | None = None
    unit: int | None = None
    strand: int = 0

    @property
    def through(self) -> tuple[str, ...]:
        """The parameters, other than its own, that say how the leg moves."""
        return tuple(dict.fromkeys(factor.parameter for factor in self.factors))

    @property
    def factors(self) -> list[Factor]:
        """What says how the leg moves, on the way and in front of the units."""
        return [f for link in self.chain for f in link.factors] + [f for fs in self.frames for f in fs]

    def units(self, piece: Tensor, act: int = 0) -> Tensor:
        """Arrange a piece as ``(copies, size, rest)`` along its ``act``-th acting dimension."""
        size = self.sizes[self.acts[act]] * (1 if self.plane is None else 2)
        return piece.permute(self._order(act)).reshape(prod(self.sizes[d] for d in self.copies), size, -1)

    def spread(self, piece: Tensor, act: int = 0) -> Tensor:
        """Arrange a piece as ``(copies, size, ...)``, its other dimensions, if any, as they are."""
        order = self._order(act)
        size = self.sizes[self.acts[act]] * (1 if self.plane is None else 2)
        rest = [self.sizes[d] for d in order[len(self.copies) + (1 if self.plane is None else 2) :]]
        return piece.permute(order).reshape(prod(self.sizes[d] for d in self.copies), size, *(rest or [1]))

    def _order(self, act: int) -> list[int]:
        first = [*self.copies, self.acts[act], *(() if self.plane is None else (self.plane,))]
        return first + [d for d in range(len(self.atoms)) if d not in first]

    def moved(self, piece: Tensor, group: Group, element: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Return the piece moved by a group element, which acts on as many units as the piece has."""
        for act, power in enumerate(self.powers):
            order = self._order(act)
            units = self.units(piece, act)
            if self.additive:
                units = GROUPS["translation"].act(element.to(units).log(), units, power)
            elif self.frames or self.about:
                frame = self.frame(act, params).to(units)
                units = frame * group.act(element, (units + self.about) / frame, power) - self.about
            else:
                units = group.act(element, units, power)
            shape = [self.sizes[d] for d in order]
            piece = units.reshape(shape).permute([order.index(d) for d in range(len(order))])
        return piece

    def frame(self, act: int, params: Mapping[str, Tensor]) -> Tensor:
        """Return the gains between the space and the piece along an acting dimension, to divide units by."""
        frame = torch.ones(())
        for factor in self.frames[act] if self.frames else ():
            frame = frame * factor.value(params)
        return frame.unsqueeze(-1)

    def shifted(self, piece: Tensor, vector: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Return the piece shifted by a vector of the space where the translation began."""
        for link in self.chain:
            vector = link(vector, params)
        vector = vector.reshape(vector.shape or (1,))
        shape = [1] * len(self.atoms)
        for dim, size in zip(self.acts, vector.shape, strict=True):
            shape[dim] = size
        order = sorted(range(len(self.acts)), key=lambda i: self.acts[i])
        return piece + self.powers[0] * vector.permute(order).reshape(shape)
