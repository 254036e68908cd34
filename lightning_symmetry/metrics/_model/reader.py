"""The weights of one look, each arranged and measured once however many symmetries ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from .fresh import Fresh
from .measured import most_at_once, stacked
from .space import Piece
from .whole_values import whole_values

Key = tuple[object, ...]
"""What a piece is, whichever symmetry it belongs to."""


class Reader:
    """Arranges pieces of parameters as ``(copies, size, rest)``.

    Args:
        params: Parameters by name.

    Attributes:
        params: The same, whole where they are sharded.
    """

    def __init__(self, params: Mapping[str, Tensor]) -> None:
        self.params = whole_values(params)
        self._norms: dict[Key, Tensor] = {}

    def __call__(self, pieces: Iterable[Piece]) -> list[Tensor]:
        """Return the pieces, detached."""
        return [self._units(piece) for piece in pieces]

    def stacked(self, pieces: Sequence[Piece]) -> Tensor:
        """Return pieces of one shape side by side, in float32 or better: ``(pieces, copies, size, rest)``."""
        stack = stacked(self(pieces))
        return stack.to(torch.promote_types(stack.dtype, torch.float32))

    def legs(self, legs: Sequence[Sequence[Piece]], numbers: int) -> Sequence[Tensor]:
        """Return the legs of some spaces, :meth:`stacked`, from sharded parameters not all at once.

        Args:
            legs: For every leg, the piece of each space.
            numbers: How many numbers all legs have.
        """
        stored = self.params.stored
        (first, _), *_ = legs[0]
        much = numbers > most_at_once(stored[first.parameter].device)
        if much and any(self.params.is_sharded(leg.parameter) for pieces in legs for leg, _ in pieces):
            return Fresh([partial(self.stacked, pieces) for pieces in legs])
        return [self.stacked(pieces) for pieces in legs]

    def empty(self, piece: Piece) -> Tensor:
        """Return no numbers, with the device of a piece and its precision, float32 or better."""
        stored = self.params.stored[piece[0].parameter]
        dtype = torch.promote_types(stored.dtype, torch.float32)
        return torch.empty(0, dtype=dtype, device=stored.device)

    def unflattened(self, piece: Piece) -> Tensor:
        """Return a piece without a copy: ``(copies, size, ...)``, the other dimensions as they are."""
        leg, act = piece
        units = leg.spread(leg.of(self.params[leg.parameter]), act)
        return units + leg.about if leg.about else units

    def norms(self, pieces: Iterable[Piece]) -> list[Tensor]:
        """Return the length of every row, ``(copies, size, 1)``: legs with the squares of the pieces."""
        return [self._known(piece) for piece in pieces]

    def sampled_norms(self, pieces: Iterable[Piece], count: int) -> list[Tensor]:
        """Return the length of every k-th row, at least ``count`` if there are so many, without a copy."""
        return [self._sampled(piece, count) for piece in pieces]

    def keep_norms(self, pieces: Iterable[Piece], norms: Tensor) -> None:
        """Remember the lengths of rows, ``(pieces, copies, size)``, for who asks for them later."""
        self._norms |= zip(map(_key, pieces), norms.unsqueeze(-1).unbind(0), strict=True)

    def _known(self, piece: Piece) -> Tensor:
        key = _key(piece)
        if key not in self._norms:
            (units,) = self.stacked([piece])
            self._norms[key] = row_norms(units).unsqueeze(-1)
        return self._norms[key]

    def _sampled(self, piece: Piece, count: int) -> Tensor:
        units = self.unflattened(piece)
        if units.shape[1] < 2 * count:
            return self._known(piece)
        some = units[:, :: units.shape[1] // count].flatten(start_dim=2)
        return row_norms(some.to(torch.promote_types(some.dtype, torch.float32))).unsqueeze(-1)

    def _units(self, piece: Piece) -> Tensor:
        leg, act = piece
        whole = self.params[leg.parameter]
        units = leg.units(leg.of(whole), act)
        # a part would keep the whole alive
        if self.params.is_sharded(leg.parameter) and units.numel() < whole.numel():
            units = units.clone()
        return units + leg.about if leg.about else units


def _key(piece: Piece) -> Key:
    leg, act = piece
    return leg.parameter, leg.offset, leg.atoms, leg.acts[act], leg.copies, leg.about


def row_norms(leg: Tensor) -> Tensor:
    """The length of every row, ``(..., n)`` of ``(..., n, k)``."""
    if leg.shape[-1] == 1:
        return leg.abs().squeeze(-1)
    if leg.stride(-1) != 1:  # along the slower axis, torch takes norms at a fifth of the pace of sums
        return leg.square().sum(dim=-1).sqrt()
    norms: Tensor = torch.linalg.vector_norm(leg, dim=-1)
    return norms
