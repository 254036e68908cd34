"""One symmetry: a group, and the legs of the index space that it acts on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from ..functional._check import check
from ..groups import GROUPS, Group
from ._centred import lifted
from .leg import Leg
from .piece import Factor, Link


@dataclass(frozen=True)
class Symmetry:
    """A group acting on the legs of one index space without changing what the model computes.

    Attributes:
        name: Dotted and unique: the module that holds the space, what the space is, then the group.
        group: One of the names in :data:`lightning_symmetry.groups.GROUPS`.
        size: Number of units that one copy of the group acts on.
        copies: Number of independent copies.
        legs: What it moves, in the order of first use.
        holds: ``"exactly"``; ``"at eps = 0"`` where a normalisation's eps breaks it slightly; ``"in
            distribution"`` where random numbers of the forward pass would have to move along.
        shape: Shape of the vector that a translation adds; ``(size,)`` for every other group.
        centred: The group acts on what is orthogonal to the constant vector, in a space of ``size + 1``
            dimensions: a normalisation subtracts the mean.
    """

    name: str
    group: str
    size: int
    copies: int
    legs: tuple[Leg, ...]
    holds: Literal["exactly", "at eps = 0", "in distribution"] = "exactly"
    shape: tuple[int, ...] = ()
    centred: bool = False

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
            ValueError: If a parameter or a buffer that the symmetry moves is absent, no tensor or too small.
        """
        self.check(params)
        moved = dict(params)
        group = GROUPS[self.group]
        if any(leg.unit is not None for leg in self.legs):
            return moved | self._rearranged(params, group, element)
        if self.centred:
            element = lifted(element)
        for leg in self.legs:
            if leg.parameter not in moved:
                continue
            tensor = moved[leg.parameter]
            piece = leg.copied(moved)
            if self.group == "translation":
                piece = leg.shifted(piece, element[0].to(piece).reshape(self.shape), params)
            else:
                piece = leg.moved(piece, group, element, params)
            moved[leg.parameter] = leg.replaced(tensor, piece)
        return moved

    def check(self, params: Mapping[str, Tensor]) -> None:
        """Raise unless there is everything that the symmetry moves, with room for what it moves.

        Args:
            params: Parameters and buffers by name.

        Raises:
            ValueError: If one is absent, is no tensor, or lacks an entry that the symmetry moves.
        """
        check(isinstance(params, Mapping), "params", "be a mapping of tensors", type(params).__name__)
        for leg in self.legs:
            if leg.parameter not in params:
                if leg.kind in ("parameter", "buffer"):
                    raise ValueError(
                        f"params must hold {leg.parameter!r}, which {self.name!r} moves; it does not"
                    )
                continue
            leg.check(params[leg.parameter])
            passed = [name for name in leg.through if name not in params]
            if passed:
                raise ValueError(
                    f"params must hold {passed[0]!r}, through which {self.name!r} passes; it does not"
                )
            for factor in leg.factors:
                factor.check(params[factor.parameter])

    def _rearranged(self, params: Mapping[str, Tensor], group: Group, element: Tensor) -> dict[str, Tensor]:
        """Let whole branches trade places."""
        moved = dict(params)
        strands: dict[int, list[Leg]] = {}
        for leg in self.legs:
            if leg.parameter in params:
                strands.setdefault(leg.strand, []).append(leg)
        for legs in strands.values():
            legs.sort(key=lambda leg: leg.unit or 0)
            pieces = torch.stack([leg.copied(params) for leg in legs])
            units = group.act(element, pieces.reshape(1, len(legs), -1), 1).reshape(pieces.shape)
            for leg, piece in zip(legs, units, strict=True):
                moved[leg.parameter] = leg.replaced(moved[leg.parameter], piece)
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
    chain = tuple(Link(_factors(link["factors"]), link["equation"]) for link in plain["chain"])
    frames = tuple(_factors(frame) for frame in plain["frames"])
    return Leg(**{**_tuples(plain), "chain": chain, "frames": frames})


def _factors(plain: Any) -> tuple[Factor, ...]:
    return tuple(Factor(**_tuples(factor)) for factor in plain)


def _tuples(plain: Mapping[str, Any]) -> dict[str, Any]:
    return {
        k: tuple(tuple(x) if isinstance(x, list) else x for x in v) if isinstance(v, (list, tuple)) else v
        for k, v in plain.items()
    }
