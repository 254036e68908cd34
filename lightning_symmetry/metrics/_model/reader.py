"""The weights of one look, each arranged and measured once however many symmetries ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import torch
from torch import Tensor

from .fresh import Fresh
from .measured import most_at_once, stacked
from .rows import lengths_of_rows
from .space import Piece
from .sums import Sum, Term
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
        self._norms: dict[object, Tensor] = {}

    @property
    def is_sharded(self) -> bool:
        """Whether no more than one parameter should be whole at a time."""
        return any(map(self.params.is_sharded, self.params))

    def let_go(self) -> None:
        """Keep no parameter whole."""
        self.params.let_go()

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

    def term(self, piece: Piece, function: Callable[..., Tensor]) -> Term:
        """Return what a function of a piece, ``(pieces, copies, size, ...)``, adds to a sum."""
        return Term(piece[0].parameter, partial(self._alone, piece), function)

    def unknown(self, pieces: Iterable[Piece], most: int | None = None) -> dict[object, Sum]:
        """Return what :meth:`know` has to be told before somebody asks for :meth:`norms`."""
        return {
            key: Sum([Term(piece[0].parameter, partial(self._rows, piece, most), lengths_of_rows)])
            for piece in pieces
            if (key := _key(piece, most)) not in self._norms
        }

    def know(self, norms: Mapping[object, Tensor]) -> None:
        """Remember the lengths of rows, ``(copies, size)``, by what :meth:`unknown` called them."""
        self._norms |= {key: each.unsqueeze(-1) for key, each in norms.items()}

    def norms(self, pieces: Iterable[Piece], most: int | None = None) -> list[Tensor]:
        """Return the length of every row, ``(copies, size, 1)``: legs with the squares of the pieces.

        Args:
            pieces: Some of which all is known.
            most: How many rows are enough: of less than twice as many all are measured, else every k-th one.
        """
        return [self._norms[_key(piece, most)] for piece in pieces]

    def keep_norms(self, pieces: Iterable[Piece], norms: Tensor) -> None:
        """Remember the lengths of rows, ``(pieces, copies, size)``, for who asks for them later."""
        self.know(dict(zip(map(_key, pieces), norms.unbind(0), strict=True)))

    def _alone(self, piece: Piece) -> tuple[Tensor]:
        return (self.unflattened(piece),)

    def _rows(self, piece: Piece, most: int | None) -> tuple[Tensor]:
        return (self.unflattened(piece)[:, :: _step(piece, most)],)

    def _units(self, piece: Piece) -> Tensor:
        leg, act = piece
        whole = self.params[leg.parameter]
        units = leg.units(leg.of(whole), act)
        # a part would keep the whole alive
        if self.params.is_sharded(leg.parameter) and units.numel() < whole.numel():
            units = units.clone()
        return units + leg.about if leg.about else units


def _key(piece: Piece, most: int | None = None) -> Key:
    leg, act = piece
    step = _step(piece, most)
    return leg.parameter, leg.offset, leg.atoms, leg.acts[act], leg.copies, leg.about, step


def _step(piece: Piece, most: int | None) -> int:
    leg, act = piece
    size = leg.sizes[leg.acts[act]]
    return 1 if most is None or size < 2 * most else size // most
