"""One symmetry: a group, and the legs of the index space that it acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import prod
from typing import Any, Literal

import torch
from torch import Tensor

from ..groups import GROUPS


@dataclass(frozen=True)
class View:
    """A piece of a parameter seen as a tensor of atoms.

    Attributes:
        parameter: Dotted name in ``named_parameters()`` or ``named_buffers()``; ``noise:k`` for the k-th draw
            of random numbers in the forward pass.
        offset: Where the piece starts along each axis of the parameter.
        atoms: ``(axis, step, size)`` for each dimension of the piece; axis −1 adds a dimension of length one.
    """

    parameter: str
    offset: tuple[int, ...]
    atoms: tuple[tuple[int, int, int], ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Shape of the piece."""
        return tuple(size for _, _, size in self.atoms)

    def of(self, tensor: Tensor) -> Tensor:
        """Return the piece of ``tensor``, the parameter's value, without a copy."""
        strides = tensor.stride()
        start = sum(o * s for o, s in zip(self.offset, strides, strict=True))
        steps = [step * strides[axis] if axis >= 0 else 0 for axis, step, _ in self.atoms]
        return tensor.as_strided(self.sizes, steps, tensor.storage_offset() + start)

    def places(self, shape: torch.Size) -> Tensor:
        """Return the flat (row-major) index of every entry of the piece."""
        rows = [prod(shape[axis + 1 :]) for axis in range(len(shape))]
        index = torch.tensor(sum(o * row for o, row in zip(self.offset, rows, strict=True)))
        for axis, step, size in self.atoms:
            index = index.unsqueeze(-1) + torch.arange(size) * (step * rows[axis] if axis >= 0 else 0)
        return index


@dataclass(frozen=True)
class Link:
    """A linear map on the way of a shift: a parameter's piece, and the einsum that applies it."""

    view: View
    equation: str


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
    """

    kind: Literal["parameter", "buffer", "statistic", "noise"]
    acts: tuple[int, ...]
    powers: tuple[float, ...]
    roles: tuple[Literal["writes", "reads"], ...]
    copies: tuple[int, ...] = ()
    additive: bool = False
    chain: tuple[Link, ...] = ()

    def units(self, piece: Tensor, act: int = 0) -> Tensor:
        """Arrange a piece as ``(copies, size, rest)`` along its ``act``-th acting dimension."""
        return piece.permute(self._order(act)).reshape(self._copies(), self.sizes[self.acts[act]], -1)

    def _order(self, act: int) -> list[int]:
        first = [*self.copies, self.acts[act]]
        return first + [d for d in range(len(self.atoms)) if d not in first]

    def _copies(self) -> int:
        return prod(self.sizes[d] for d in self.copies)

    def moved(self, piece: Tensor, group: str, element: Tensor) -> Tensor:
        """Return the piece moved by a group element."""
        for act, power in enumerate(self.powers):
            order = self._order(act)
            units = self.units(piece, act)
            if self.additive:
                units = GROUPS["translation"].act(element.to(units).log(), units, power)
            else:
                units = GROUPS[group].act(element, units, power)
            shape = [self.sizes[d] for d in order]
            piece = units.reshape(shape).permute([order.index(d) for d in range(len(order))])
        return piece

    def shifted(self, piece: Tensor, vector: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        """Return the piece shifted by a vector of the space where the translation began."""
        for link in self.chain:
            source = params[link.view.parameter]
            matrix = source.reshape(-1)[link.view.places(source.shape).to(source.device)]
            vector = torch.einsum(link.equation, matrix, vector)
        vector = vector.reshape(vector.shape or (1,))
        shape = [1] * len(self.atoms)
        for dim, size in zip(self.acts, vector.shape, strict=True):
            shape[dim] = size
        order = sorted(range(len(self.acts)), key=lambda i: self.acts[i])
        return piece + self.powers[0] * vector.permute(order).reshape(shape)


@dataclass(frozen=True)
class Symmetry:
    """A group acting on the legs of one index space without changing what the model computes.

    Attributes:
        name: Dotted and unique: where the space is written, then the group.
        group: One of the names in :data:`lightning_symmetry.groups.GROUPS`.
        size: Number of units that one copy of the group acts on.
        copies: Number of independent copies.
        legs: What it moves, in the order of first use.
        holds: ``"exactly"``; ``"at eps = 0"`` where a normalisation's eps breaks it slightly; ``"in
            distribution"`` where random numbers of the forward pass would have to move along.
        shape: Shape of the vector that a translation adds; ``(size,)`` for every other group.
    """

    name: str
    group: str
    size: int
    copies: int
    legs: tuple[Leg, ...]
    holds: Literal["exactly", "at eps = 0", "in distribution"] = "exactly"
    shape: tuple[int, ...] = ()

    @property
    def space(self) -> str:
        """The name without the group."""
        return self.name.removesuffix(f".{self.group}")

    @property
    def dimension(self) -> int:
        """Number of continuous directions, all copies together; 0 when the group is discrete."""
        return self.copies * GROUPS[self.group].dimension(self.size)

    def sample(self, generator: torch.Generator | None = None, dtype: torch.dtype = torch.float64) -> Tensor:
        """Draw a random element, one for each copy."""
        return GROUPS[self.group].sample(self.copies, self.size, generator=generator, dtype=dtype)

    def act(self, params: Mapping[str, Tensor], element: Tensor) -> dict[str, Tensor]:
        """Return ``params`` moved by ``element``; tensors that are not moved are passed through.

        Statistics and random numbers that are absent from ``params`` stay out of it.

        Raises:
            ValueError: If a parameter or a buffer that the symmetry moves is absent.
        """
        moved = dict(params)
        for leg in self.legs:
            if leg.parameter not in moved:
                if leg.kind in ("parameter", "buffer"):
                    raise ValueError(
                        f"params must hold {leg.parameter!r}, which {self.name!r} moves; it does not"
                    )
                continue
            passed = [link.view.parameter for link in leg.chain if link.view.parameter not in params]
            if passed:
                raise ValueError(
                    f"params must hold {passed[0]!r}, through which {self.name!r} passes; it does not"
                )
            tensor = moved[leg.parameter]
            index = leg.places(tensor.shape).to(tensor.device)
            flat = tensor.reshape(-1)
            piece = flat[index]
            if self.group == "translation":
                piece = leg.shifted(piece, element[0].to(tensor).reshape(self.shape), params)
            else:
                piece = leg.moved(piece, self.group, element)
            moved[leg.parameter] = flat.index_put((index,), piece).reshape(tensor.shape)
        return moved

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists, numbers and strings."""
        return asdict(self)

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> Symmetry:
        """Build a symmetry from what :meth:`to_dict` gave, also after a journey through JSON."""
        legs = tuple(_leg(leg) for leg in plain["legs"])
        return cls(**{**plain, "legs": legs, "shape": tuple(plain["shape"])})


def _leg(plain: Mapping[str, Any]) -> Leg:
    chain = tuple(Link(View(**_tuples(link["view"])), link["equation"]) for link in plain["chain"])
    return Leg(**{**_tuples(plain), "chain": chain})


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: tuple(tuple(x) if isinstance(x, list) else x for x in v) if isinstance(v, (list, tuple)) else v
        for k, v in plain.items()
    }
